"""Every setting of every mode, once: its default, range, unit and meaning."""

from dataclasses import MISSING, dataclass
from typing import Any, ClassVar, Literal

from posekit.config.kinds import (
    LARGEST_SIDE,
    BatchSize,
    Choice,
    Device,
    Either,
    Flag,
    ImageSize,
    Kind,
    Listing,
    Number,
    Optionally,
    Settings,
    Transforms,
    Whole,
    again,
    out_of_range,
    setting,
    wrong_type,
)
from posekit.log import LOGGER

# Side of the network input in pixels, where neither the user nor the checkpoint says one.
DEFAULT_IMGSZ = 640

OPTIMIZERS = ("auto", "SGD", "MuSGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSProp")

FORMATS = (
    "torchscript", "onnx", "openvino", "engine", "coreml", "saved_model",
    "pb", "tflite", "edgetpu", "tfjs", "paddle", "ncnn",
)  # fmt: skip

FORMS = ("coco", "cvat", "labelstudio", "deeplabcut", "sleap", "stanfordextra", "yolo")
TARGETS = ("yolo", "coco")


@dataclass(frozen=True, kw_only=True)
class RunSettings(Settings):
    """What every mode has: input size, batch, device, precision and where to write."""

    imgsz: int | tuple[int, int] | None = setting(
        None,
        "size of the network input, square or [height, width], rounded up to the stride; "
        "none: the size that the model remembers, else 640",
        "px",
        kind=ImageSize(),
    )
    batch: int | float = setting(
        16, "pictures per step; -1: as many as fit the GPU; between 0 and 1: that share of its memory", kind=BatchSize()
    )
    device: str | None = setting(
        None,
        "where to compute: cpu, mps, 0, or -1 for the idlest GPU; none: the best there is; "
        "of several, as in 0,1, train and val use each in a process of its own, other modes the first",
        kind=Device(),
    )
    precision: Literal[32, 16, 8] = setting(
        32, "arithmetic; half=True and quantize=16 mean 16, int8=True and quantize=8 mean 8", "bits"
    )
    project: str | None = setting(
        None, "folder of runs: below runs/TASK when relative, as it is when absolute", what="a folder"
    )
    name: str | None = setting(None, "folder of this run in project; none: the mode", what="a folder name")
    exist_ok: bool = setting(False, "write into an existing folder instead of a new, numbered one")
    verbose: bool = setting(True, "log the progress")

    @property
    def half(self) -> bool:
        """Whether to compute in 16-bit floating point."""
        return self.precision == 16


@dataclass(frozen=True, kw_only=True)
class DetectionSettings(Settings):
    """How raw network outputs become detections (val, predict and track)."""

    conf: float = setting(0.25, "detections with a lower score are dropped", high=1)
    iou: float = setting(
        0.7, "non-maximum suppression drops a box that overlaps a better one by more than this IoU", high=1
    )
    nms: bool | None = setting(
        True,
        "false: use the NMS-free head of a YOLO26 model; true or none: the other head, then suppression "
        "(export: true builds the suppression into the file)",
    )
    max_det: int = setting(300, "detections kept per picture, best first", low=1)
    agnostic_nms: bool = setting(False, "suppress overlapping boxes of different classes too")
    classes: tuple[int, ...] | None = setting(None, "class numbers to keep, such as [0, 2]; none: all")
    augment: bool = setting(False, "test-time augmentation (detect only)")
    rect: bool = setting(
        True, "pad pictures only to the next stride multiple instead of a square (train: and no mosaic)"
    )
    visualize: bool = setting(False, "save feature maps (predict) or right and wrong detections (val)")
    save_txt: bool = setting(False, "save one label file per picture")
    save_conf: bool = setting(False, "add the score to each row of the label files")


@dataclass(frozen=True, kw_only=True)
class DataSettings(RunSettings):
    """How a data set is read (train and val); these modes take square inputs only."""

    imgsz: int | None = again(RunSettings, "imgsz", default=None)
    data: str | None = setting(
        None, "data set description; none: the one remembered by the model or the task's own", what="a YAML file"
    )
    fraction: float | int | tuple[float | int, ...] = setting(
        1.0,
        "part of the data set to use: a share, a number of pictures, or one of these per split",
        kind=Either(Number(0, 1), Whole(1), Listing(Either(Number(0, 1), Whole(1)))),
    )
    cache: bool | Literal["ram", "disk"] = setting(False, "keep decoded pictures in ram or on disk")
    workers: int = setting(8, "background workers that load pictures")
    single_cls: bool = setting(False, "treat all classes as one")
    overlap_mask: bool = setting(True, "one index map per picture instead of one mask per object")
    plots: bool = setting(True, "draw figures")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.imgsz, tuple):
            side = max(self.imgsz)
            LOGGER.warning("imgsz=%s: %s takes one whole number, so %d is used", list(self.imgsz), self.command, side)
            object.__setattr__(self, "imgsz", side)


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings(Settings):
    """Ranges and probabilities of random changes to training pictures."""

    hsv_h: float = setting(0.015, "largest change of hue, as a share of the circle", high=1)
    hsv_s: float = setting(0.7, "largest change of saturation, as a share", high=1)
    hsv_v: float = setting(0.4, "largest change of brightness, as a share", high=1)
    degrees: float = setting(0.0, "largest rotation either way", "degrees", high=180)
    translate: float = setting(0.1, "largest shift, as a share of the picture", high=1)
    scale: float | tuple[float, float] = setting(
        0.5,
        "zoom by 1 - value to 1 + value, or between the two given factors",
        kind=Either(Number(0, 1), Listing(Number(0), 2)),
    )
    shear: float = setting(0.0, "largest shear either way", "degrees", high=180)
    perspective: float = setting(0.0, "largest perspective distortion; useful below 0.001", high=1)
    flipud: float = setting(0.0, "probability of an up-down flip", high=1)
    fliplr: float = setting(0.5, "probability of a left-right flip", high=1)
    bgr: float = setting(0.0, "probability of swapping red and blue", high=1)
    mosaic: float = setting(1.0, "probability of joining four pictures", high=1)
    mixup: float = setting(0.0, "probability of blending two pictures", high=1)
    cutmix: float = setting(0.0, "probability of pasting a part of another picture", high=1)
    copy_paste: float = setting(0.0, "share of objects copied to another place (needs masks)", high=1)
    copy_paste_mode: Literal["flip", "mixup"] = setting("flip", "where copied objects come from")
    close_mosaic: int = setting(10, "last epochs without mosaic, mixup, cutmix and copy_paste", "epochs")
    multi_scale: float = setting(0.0, "change the input size of each batch by up to this share", high=1)
    random_crop: float = setting(0.5, "probability of a crop before pictures are stretched; for RF-DETR only", high=1)
    augmentations: object | None = setting(
        None,
        "transforms of the package albumentations, applied before colours and flips",
        kind=Transforms(),
    )


@dataclass(frozen=True, kw_only=True)
class PredictSettings(DetectionSettings, RunSettings):
    """What `predict` takes besides its source."""

    command: ClassVar[str] = "predict"

    batch: int = again(RunSettings, "batch", default=1, kind=Whole(1))
    precision: Literal[32, 16] = again(RunSettings, "precision", default=32, kind=Choice((32, 16)))
    retina_masks: bool = setting(False, "masks at the size of the picture instead of the network input")
    embed: tuple[int, ...] | None = setting(
        None, "layer numbers whose pooled features are returned instead of detections"
    )
    stream_buffer: bool = setting(False, "queue all frames of live streams instead of taking the newest")
    vid_stride: int = setting(1, "use every n-th frame of videos", "frames", low=1)
    show: bool = setting(False, "open a window; q stops")
    save: bool = setting(False, "save drawn pictures and videos (true on the command line); train: save checkpoints")
    save_frames: bool = setting(False, "save the frames of videos as pictures")
    save_crop: bool = setting(False, "save a cut-out of each detection")
    show_labels: bool = setting(True, "draw class names")
    show_conf: bool = setting(True, "draw scores")
    show_boxes: bool = setting(True, "draw boxes")
    line_width: int | None = setting(None, "width of drawn lines; none: by picture size", "px", low=1)


@dataclass(frozen=True, kw_only=True)
class TrackSettings(PredictSettings):
    """What `track` takes besides its source."""

    command: ClassVar[str] = "track"

    conf: float = again(DetectionSettings, "conf", default=0.1)
    tracker: str = setting("bytetrack.yaml", "tracker and its parameters", what="a YAML file")
    persist: bool = setting(False, "keep the tracks of the previous call")


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings(Settings):
    """Optimiser, learning-rate schedule and loss gains."""

    optimizer: str = setting("auto", "auto chooses it with lr0 and momentum", kind=Choice(OPTIMIZERS))
    lr0: float = setting(0.01, "learning rate at the start")
    lrf: float = setting(0.01, "learning rate at the end, as a share of lr0")
    cos_lr: bool = setting(False, "cosine instead of linear schedule")
    momentum: float = setting(0.937, "momentum, or the first beta of Adam", high=1)
    weight_decay: float = setting(0.0005, "L2 penalty", high=1)
    warmup_epochs: float = setting(3.0, "length of the warm-up", "epochs")
    warmup_momentum: float = setting(0.8, "momentum at the start of the warm-up", high=1)
    warmup_bias_lr: float = setting(0.1, "learning rate of biases at the start of the warm-up")
    nbs: int = setting(64, "nominal batch size: smaller batches are accumulated up to it", "pictures", low=1)
    box: float = setting(7.5, "gain of the box loss")
    cls: float = setting(0.5, "gain of the class loss")
    cls_pw: float = setting(0.0, "power of the class weights; 0: all classes weigh the same", high=1)
    dfl: float = setting(1.5, "gain of the distribution focal loss")
    pose: float = setting(12.0, "gain of the keypoint location loss")
    kobj: float = setting(1.0, "gain of the keypoint visibility loss")
    rle: float = setting(1.0, "gain of the residual log-likelihood loss")
    skip_unlabelled: bool = setting(
        False, "leave objects without labelled keypoints out of the keypoint losses (multitask always does)"
    )


@dataclass(frozen=True, kw_only=True)
class TrainSettings(AugmentationSettings, OptimizerSettings, DataSettings):
    """What `train` takes."""

    command: ClassVar[str] = "train"

    rect: bool = again(DetectionSettings, "rect", default=False)
    classes: tuple[int, ...] | None = again(DetectionSettings, "classes", default=None)
    nms: bool | None = again(DetectionSettings, "nms", default=True)
    save: bool = again(PredictSettings, "save", default=True)
    epochs: int = setting(100, "passes over the data set", "epochs", low=1)
    time: float | None = setting(None, "time limit that replaces `epochs`", "hours")
    patience: int = setting(100, "epochs without a better fitness before stopping; 0: never", "epochs")
    save_period: int = setting(-1, "save a checkpoint every n epochs; -1: only last and best", "epochs", low=-1)
    pretrained: bool | str = setting(
        True, "start from the model's weights, from a file's, or (false) anew", what="a weight file"
    )
    cls_remap: bool = setting(True, "carry class weights over by class name")
    resume: bool | str = setting(False, "continue an interrupted run", what="a weight file")
    seed: int = setting(0, "seed of all random numbers")
    deterministic: bool = setting(True, "use reproducible kernels")
    amp: bool | str = setting(
        True,
        "mixed precision: true or fp16, bf16, false or fp32",
        kind=Either(Flag(), Choice(("fp16", "bf16", "fp32"))),
    )
    mask_ratio: int = setting(4, "masks are this many times smaller than the input", low=1)
    sync_bn: bool = setting(False, "batch norms see the batches of all GPUs at once, where there are several")
    compile: bool | str = setting(False, "compile the network", what="a mode of torch.compile")
    channels_last: bool | None = setting(
        None, "channels-last memory layout; none: on CUDA; on CPUs faster and less exact"
    )
    freeze: int | tuple[int | str, ...] | None = setting(None, "first n layers, or the layers listed, stay as they are")
    val: bool = setting(True, "validate after each epoch")
    profile: bool = setting(False, "record three steps with the profiler of PyTorch (profile.json)")
    distill_model: str | None = setting(None, "teacher network to learn from", what="a weight file")
    dis: float = setting(6.0, "gain of the teacher's loss")


# All settings at their defaults, as trainer classes take them.
DEFAULT_CFG = TrainSettings()


@dataclass(frozen=True, kw_only=True)
class ValSettings(DataSettings, DetectionSettings):
    """What `val` takes."""

    command: ClassVar[str] = "val"

    conf: float = again(DetectionSettings, "conf", default=0.001)
    split: Literal["val", "test", "train"] = setting("val", "part of the data set to evaluate")
    save_json: bool = setting(False, "save predictions as COCO results")


@dataclass(frozen=True, kw_only=True)
class ExportSettings(RunSettings):
    """What `export` takes."""

    command: ClassVar[str] = "export"

    batch: int = again(RunSettings, "batch", default=1, kind=Whole(1))
    format: str = setting("torchscript", "kind of file to write", kind=Choice(FORMATS))
    dynamic: bool = setting(False, "let the exported network take other sizes and batches")
    simplify: bool = setting(True, "simplify the graph")
    opset: int | None = setting(None, "ONNX operator set; none: the exporter's own", low=1)
    workspace: float | None = setting(None, "memory that TensorRT may use", "GiB", low=0)
    optimize: bool = setting(False, "freeze the program and fold what can be folded")
    nms: bool | None = again(DetectionSettings, "nms", default=None)
    conf: float = again(DetectionSettings, "conf", default=0.25)
    iou: float = again(DetectionSettings, "iou", default=0.7)
    max_det: int = again(DetectionSettings, "max_det", default=300)
    agnostic_nms: bool = again(DetectionSettings, "agnostic_nms", default=False)
    data: str | None = again(DataSettings, "data", default=None)
    fraction: float | int | tuple[float | int, ...] = again(DataSettings, "fraction", default=1.0)
    check: bool = setting(True, "compare the file with the network before it counts as written")
    converter_python: str | None = setting(
        None,
        "Python interpreter of the environment that converts to formats whose converters cannot live beside posekit",
        what="an interpreter",
    )


class NameList(Kind):
    """Names: a list, or one text with commas between them, with brackets around it or not."""

    expected = "a list of names, such as [nose,left_eye,right_eye]"

    def _read(self, key: str, value: Any) -> tuple[str, ...] | None:
        if isinstance(value, str):
            value = value.strip().removeprefix("[").removesuffix("]").split(",")
        if not isinstance(value, list | tuple) or any(isinstance(name, list | dict | tuple) for name in value):
            wrong_type(key, value, self)
        names = tuple(str(name).strip().strip("\"'") for name in value)
        return names if names and all(names) else out_of_range(key, list(value), self)


class FormatList(NameList):
    """Formats: a list, or one text with commas between them; an empty text means all, as None does."""

    expected = "formats as for export, with commas between them"

    def _read(self, key: str, value: Any) -> tuple[str, ...] | None:
        if value == "":
            return None
        return tuple(str(Choice(FORMATS).read(key, name)) for name in super()._read(key, value) or ())


@dataclass(frozen=True, kw_only=True)
class BenchmarkSettings(RunSettings):
    """What `benchmark` takes."""

    command: ClassVar[str] = "benchmark"

    imgsz: int | None = again(RunSettings, "imgsz", default=None, kind=Optionally(Whole(1, LARGEST_SIDE)))
    batch: int = again(RunSettings, "batch", default=1, kind=Whole(1))
    data: str | None = again(DataSettings, "data", default=None)
    format: tuple[str, ...] | None = again(ExportSettings, "format", default=None, kind=Optionally(FormatList()))
    converter_python: str | None = again(ExportSettings, "converter_python", default=None)
    verbose: bool | float = again(  # type: ignore[assignment]  # wider here: a number is a pass mark
        RunSettings, "verbose", default=True, kind=Either(Flag(), Number(0, 1))
    )


@dataclass(frozen=True, kw_only=True)
class ConvertSettings(Settings):
    """What `posekit convert` takes besides ``source`` and ``task``."""

    command: ClassVar[str] = "convert"

    out: str = setting(MISSING, "new folder for the data set", what="a folder")
    form: str | None = setting(None, "what the source is; none: told by its content", kind=Choice(FORMS))
    to: str = setting("yolo", "label files with data.yaml, or COCO JSON", kind=Choice(TARGETS))
    names: tuple[str, ...] | None = setting(
        None, "keypoints of the new data set, by name; none: those of the source", kind=NameList()
    )
    images: str | None = setting(None, "where to look for the pictures first", what="a folder")
    pictures: Literal["link", "copy", "none"] = setting(
        "link", "bring the pictures as hard links, as copies, or not at all"
    )
    class_numbers: Literal["rank", "coco80", "id"] = setting("rank", "how categories of COCO JSON become class numbers")


@dataclass(frozen=True, kw_only=True)
class MergeSettings(Settings):
    """What `posekit merge_kpt_seg` takes."""

    command: ClassVar[str] = "merge_kpt_seg"

    kpt: str = setting(MISSING, "folder of pose label files", what="a folder")
    seg: str = setting(MISSING, "folder of segment label files of the same pictures", what="a folder")
    out: str = setting(MISSING, "new folder for multitask label files", what="a folder")
    kpt_shape: tuple[int, int] | None = setting(
        None, "[K, 2] or [K, 3] of the keypoints; none: told by the rows", low=1
    )
    iou: float = setting(0.5, "smallest overlap of a pose's box with that of an outline", high=1)
    layout: Literal["keypoints_polygon", "box_keypoints_polygon"] = setting(
        "keypoints_polygon", "what rows hold behind the class"
    )
