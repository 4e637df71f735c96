"""Settings that several modes share; a mode that wants another default says only that."""

from dataclasses import MISSING, dataclass
from typing import Any, ClassVar

from posekit.config.kinds import (
    BatchSize,
    Choice,
    Device,
    Either,
    Flag,
    ImageSize,
    Listing,
    Number,
    Optionally,
    Settings,
    Text,
    Transforms,
    Whole,
    again,
    out_of_range,
    setting,
    wrong_type,
)
from posekit.log import LOGGER


@dataclass(frozen=True, kw_only=True)
class RunSettings(Settings):
    """What every mode has: input size, batch, device, precision and where to write."""

    imgsz: int | tuple[int, int] | None = setting(
        None,
        Optionally(ImageSize()),
        "size of the network input, square or [height, width], rounded up to the stride; "
        "none: the size that the model remembers, else 640",
        "px",
    )
    batch: int | float = setting(
        16, BatchSize(), "pictures per step; -1: as many as fit the GPU; between 0 and 1: that share of its memory"
    )
    device: str | None = setting(
        None,
        Optionally(Device()),
        "where to compute: cpu, mps, 0, or -1 for the idlest GPU; none: the best there is; "
        "of several, as in 0,1, train and val use each in a process of its own, other modes the first",
    )
    precision: int = setting(
        32,
        Choice((32, 16, 8)),
        "arithmetic; half=True and quantize=16 mean 16, int8=True and quantize=8 mean 8",
        "bits",
    )
    project: str | None = setting(
        None, Optionally(Text("a folder")), "folder of runs: below runs/TASK when relative, as it is when absolute"
    )
    name: str | None = setting(None, Optionally(Text("a folder name")), "folder of this run in project; none: the mode")
    exist_ok: bool = setting(False, Flag(), "write into an existing folder instead of a new, numbered one")
    verbose: bool = setting(True, Flag(), "log the progress")

    @property
    def half(self) -> bool:
        """Whether to compute in 16-bit floating point."""
        return self.precision == 16


@dataclass(frozen=True, kw_only=True)
class DetectionSettings(Settings):
    """How raw network outputs become detections (val, predict and track)."""

    conf: float = setting(0.25, Number(0, 1), "detections with a lower score are dropped")
    iou: float = setting(
        0.7, Number(0, 1), "non-maximum suppression drops a box that overlaps a better one by more than this IoU"
    )
    nms: bool | None = setting(
        True,
        Optionally(Flag()),
        "false: use the NMS-free head of a YOLO26 model; true or none: the other head, then suppression "
        "(export: true builds the suppression into the file)",
    )
    max_det: int = setting(300, Whole(1), "detections kept per picture, best first")
    agnostic_nms: bool = setting(False, Flag(), "suppress overlapping boxes of different classes too")
    classes: tuple[int, ...] | None = setting(
        None, Optionally(Listing(Whole())), "class numbers to keep, such as [0, 2]; none: all"
    )
    augment: bool = setting(False, Flag(), "test-time augmentation (detect only)")
    rect: bool = setting(
        True, Flag(), "pad pictures only to the next stride multiple instead of a square (train: and no mosaic)"
    )
    visualize: bool = setting(False, Flag(), "save feature maps (predict) or right and wrong detections (val)")
    save_txt: bool = setting(False, Flag(), "save one label file per picture")
    save_conf: bool = setting(False, Flag(), "add the score to each row of the label files")


@dataclass(frozen=True, kw_only=True)
class DataSettings(RunSettings):
    """How a data set is read (train and val); these modes take square inputs only."""

    imgsz: int | None = again(RunSettings, "imgsz", default=None)
    data: str | None = setting(
        None,
        Optionally(Text("a YAML file")),
        "data set description; none: the one remembered by the model or the task's own",
    )
    fraction: float | int | tuple[float | int, ...] = setting(
        1.0,
        Either(Number(0, 1), Whole(1), Listing(Either(Number(0, 1), Whole(1)))),
        "part of the data set to use: a share, a number of pictures, or one of these per split",
    )
    cache: bool | str = setting(
        False, Either(Flag(), Choice(("ram", "disk"))), "keep decoded pictures in ram or on disk"
    )
    workers: int = setting(8, Whole(), "background workers that load pictures")
    single_cls: bool = setting(False, Flag(), "treat all classes as one")
    overlap_mask: bool = setting(True, Flag(), "one index map per picture instead of one mask per object")
    plots: bool = setting(True, Flag(), "draw figures")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.imgsz, tuple):
            side = max(self.imgsz)
            LOGGER.warning("imgsz=%s: %s takes one whole number, so %d is used", list(self.imgsz), self.command, side)
            object.__setattr__(self, "imgsz", side)


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings(Settings):
    """Ranges and probabilities of random changes to training pictures."""

    hsv_h: float = setting(0.015, Number(0, 1), "largest change of hue, as a share of the circle")
    hsv_s: float = setting(0.7, Number(0, 1), "largest change of saturation, as a share")
    hsv_v: float = setting(0.4, Number(0, 1), "largest change of brightness, as a share")
    degrees: float = setting(0.0, Number(0, 180), "largest rotation either way", "degrees")
    translate: float = setting(0.1, Number(0, 1), "largest shift, as a share of the picture")
    scale: float | tuple[float, float] = setting(
        0.5,
        Either(Number(0, 1), Listing(Number(0), 2)),
        "zoom by 1 - value to 1 + value, or between the two given factors",
    )
    shear: float = setting(0.0, Number(0, 180), "largest shear either way", "degrees")
    perspective: float = setting(0.0, Number(0, 1), "largest perspective distortion; useful below 0.001")
    flipud: float = setting(0.0, Number(0, 1), "probability of an up-down flip")
    fliplr: float = setting(0.5, Number(0, 1), "probability of a left-right flip")
    bgr: float = setting(0.0, Number(0, 1), "probability of swapping red and blue")
    mosaic: float = setting(1.0, Number(0, 1), "probability of joining four pictures")
    mixup: float = setting(0.0, Number(0, 1), "probability of blending two pictures")
    cutmix: float = setting(0.0, Number(0, 1), "probability of pasting a part of another picture")
    copy_paste: float = setting(0.0, Number(0, 1), "share of objects copied to another place (needs masks)")
    copy_paste_mode: str = setting("flip", Choice(("flip", "mixup")), "where copied objects come from")
    close_mosaic: int = setting(10, Whole(), "last epochs without mosaic, mixup, cutmix and copy_paste", "epochs")
    multi_scale: float = setting(0.0, Number(0, 1), "change the input size of each batch by up to this share")
    random_crop: float = setting(
        0.5, Number(0, 1), "probability of a crop before pictures are stretched; for RF-DETR only"
    )
    augmentations: object = setting(
        None, Optionally(Transforms()), "transforms of the package albumentations, applied before colours and flips"
    )


@dataclass(frozen=True, kw_only=True)
class PredictSettings(DetectionSettings, RunSettings):
    """What `predict` takes besides its source."""

    command: ClassVar[str] = "predict"

    batch: int = again(RunSettings, "batch", default=1, kind=Whole(1))
    precision: int = again(RunSettings, "precision", default=32, kind=Choice((32, 16)))
    retina_masks: bool = setting(False, Flag(), "masks at the size of the picture instead of the network input")
    embed: tuple[int, ...] | None = setting(
        None, Optionally(Listing(Whole())), "layer numbers whose pooled features are returned instead of detections"
    )
    stream_buffer: bool = setting(False, Flag(), "queue all frames of live streams instead of taking the newest")
    vid_stride: int = setting(1, Whole(1), "use every n-th frame of videos", "frames")
    show: bool = setting(False, Flag(), "open a window; q stops")
    save: bool = setting(
        False, Flag(), "save drawn pictures and videos (true on the command line); train: save checkpoints"
    )
    save_frames: bool = setting(False, Flag(), "save the frames of videos as pictures")
    save_crop: bool = setting(False, Flag(), "save a cut-out of each detection")
    show_labels: bool = setting(True, Flag(), "draw class names")
    show_conf: bool = setting(True, Flag(), "draw scores")
    show_boxes: bool = setting(True, Flag(), "draw boxes")
    line_width: int | None = setting(None, Optionally(Whole(1)), "width of drawn lines; none: by picture size", "px")


@dataclass(frozen=True, kw_only=True)
class TrackSettings(PredictSettings):
    """What `track` takes besides its source."""

    command: ClassVar[str] = "track"

    conf: float = again(DetectionSettings, "conf", default=0.1)
    tracker: str = setting("bytetrack.yaml", Text("a YAML file"), "tracker and its parameters")
    persist: bool = setting(False, Flag(), "keep the tracks of the previous call")


OPTIMIZERS = ("auto", "SGD", "MuSGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSProp")


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings(Settings):
    """Optimiser, learning-rate schedule and loss gains."""

    optimizer: str = setting("auto", Choice(OPTIMIZERS), "auto chooses it with lr0 and momentum")
    lr0: float = setting(0.01, Number(0), "learning rate at the start")
    lrf: float = setting(0.01, Number(0), "learning rate at the end, as a share of lr0")
    cos_lr: bool = setting(False, Flag(), "cosine instead of linear schedule")
    momentum: float = setting(0.937, Number(0, 1), "momentum, or the first beta of Adam")
    weight_decay: float = setting(0.0005, Number(0, 1), "L2 penalty")
    warmup_epochs: float = setting(3.0, Number(0), "length of the warm-up", "epochs")
    warmup_momentum: float = setting(0.8, Number(0, 1), "momentum at the start of the warm-up")
    warmup_bias_lr: float = setting(0.1, Number(0), "learning rate of biases at the start of the warm-up")
    nbs: int = setting(64, Whole(1), "nominal batch size: smaller batches are accumulated up to it", "pictures")
    box: float = setting(7.5, Number(0), "gain of the box loss")
    cls: float = setting(0.5, Number(0), "gain of the class loss")
    cls_pw: float = setting(0.0, Number(0, 1), "power of the class weights; 0: all classes weigh the same")
    dfl: float = setting(1.5, Number(0), "gain of the distribution focal loss")
    pose: float = setting(12.0, Number(0), "gain of the keypoint location loss")
    kobj: float = setting(1.0, Number(0), "gain of the keypoint visibility loss")
    rle: float = setting(1.0, Number(0), "gain of the residual log-likelihood loss")
    skip_unlabelled: bool = setting(
        False, Flag(), "leave objects without labelled keypoints out of the keypoint losses (multitask always does)"
    )


@dataclass(frozen=True, kw_only=True)
class TrainSettings(AugmentationSettings, OptimizerSettings, DataSettings):
    """What `train` takes."""

    command: ClassVar[str] = "train"

    rect: bool = again(DetectionSettings, "rect", default=False)
    classes: tuple[int, ...] | None = again(DetectionSettings, "classes", default=None)
    nms: bool | None = again(DetectionSettings, "nms", default=True)
    save: bool = again(PredictSettings, "save", default=True)
    epochs: int = setting(100, Whole(1), "passes over the data set", "epochs")
    time: float | None = setting(None, Optionally(Number(0)), "time limit that replaces `epochs`", "hours")
    patience: int = setting(100, Whole(), "epochs without a better fitness before stopping; 0: never", "epochs")
    save_period: int = setting(-1, Whole(-1), "save a checkpoint every n epochs; -1: only last and best", "epochs")
    pretrained: bool | str = setting(
        True, Either(Flag(), Text("a weight file")), "start from the model's weights, from a file's, or (false) anew"
    )
    cls_remap: bool = setting(True, Flag(), "carry class weights over by class name")
    resume: bool | str = setting(False, Either(Flag(), Text("a weight file")), "continue an interrupted run")
    seed: int = setting(0, Whole(), "seed of all random numbers")
    deterministic: bool = setting(True, Flag(), "use reproducible kernels")
    amp: bool | str = setting(
        True, Either(Flag(), Choice(("fp16", "bf16", "fp32"))), "mixed precision: true or fp16, bf16, false or fp32"
    )
    mask_ratio: int = setting(4, Whole(1), "masks are this many times smaller than the input")
    sync_bn: bool = setting(False, Flag(), "batch norms see the batches of all GPUs at once, where there are several")
    compile: bool | str = setting(False, Either(Flag(), Text("a mode of torch.compile")), "compile the network")
    channels_last: bool | None = setting(
        None, Optionally(Flag()), "channels-last memory layout; none: on CUDA; on CPUs faster and less exact"
    )
    freeze: int | tuple[int | str, ...] | None = setting(
        None,
        Optionally(Either(Whole(), Listing(Either(Whole(), Text())))),
        "first n layers, or the layers listed, stay as they are",
    )
    val: bool = setting(True, Flag(), "validate after each epoch")
    profile: bool = setting(False, Flag(), "record three steps with the profiler of PyTorch (profile.json)")
    distill_model: str | None = setting(None, Optionally(Text("a weight file")), "teacher network to learn from")
    dis: float = setting(6.0, Number(0), "gain of the teacher's loss")


# All settings at their defaults, as trainer classes take them.
DEFAULT_CFG = TrainSettings()


@dataclass(frozen=True, kw_only=True)
class ValSettings(DataSettings, DetectionSettings):
    """What `val` takes."""

    command: ClassVar[str] = "val"

    conf: float = again(DetectionSettings, "conf", default=0.001)
    split: str = setting("val", Choice(("val", "test", "train")), "part of the data set to evaluate")
    save_json: bool = setting(False, Flag(), "save predictions as COCO results")


FORMATS = (
    "torchscript", "onnx", "openvino", "engine", "coreml", "saved_model",
    "pb", "tflite", "edgetpu", "tfjs", "paddle", "ncnn",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ExportSettings(RunSettings):
    """What `export` takes."""

    command: ClassVar[str] = "export"

    batch: int = again(RunSettings, "batch", default=1, kind=Whole(1))
    format: str = setting("torchscript", Choice(FORMATS), "kind of file to write")
    dynamic: bool = setting(False, Flag(), "let the exported network take other sizes and batches")
    simplify: bool = setting(True, Flag(), "simplify the graph")
    opset: int | None = setting(None, Optionally(Whole(1)), "ONNX operator set; none: the exporter's own")
    workspace: float | None = setting(None, Optionally(Number(0)), "memory that TensorRT may use", "GiB")
    optimize: bool = setting(False, Flag(), "optimise for the target")
    nms: bool | None = again(DetectionSettings, "nms", default=None)
    data: str | None = again(DataSettings, "data", default=None)
    fraction: float | int | tuple[float | int, ...] = again(DataSettings, "fraction", default=1.0)


@dataclass(frozen=True, kw_only=True)
class BenchmarkSettings(RunSettings):
    """What `benchmark` takes."""

    command: ClassVar[str] = "benchmark"

    batch: int = again(RunSettings, "batch", default=1, kind=Whole(1))
    data: str | None = again(DataSettings, "data", default=None)
    format: str | None = again(ExportSettings, "format", default=None, kind=Optionally(Choice(FORMATS)))
    verbose: bool | float = again(  # type: ignore[assignment]  # wider here: a number is a pass mark
        RunSettings, "verbose", default=True, kind=Either(Flag(), Number(0, 1))
    )


FORMS = ("coco", "cvat", "labelstudio", "deeplabcut", "sleap", "stanfordextra", "yolo")


TARGETS = ("yolo", "coco")


@dataclass(frozen=True)
class NameList:
    """Names: a list, or one text with commas between them, with brackets around it or not."""

    @property
    def expected(self) -> str:
        """The values in words."""
        return "a list of names, such as [nose,left_eye,right_eye]"

    def read(self, key: str, value: Any) -> tuple[str, ...]:
        """Return the names as a tuple of texts."""
        if isinstance(value, str):
            value = value.strip().removeprefix("[").removesuffix("]").split(",")
        if not isinstance(value, list | tuple) or any(isinstance(name, list | dict | tuple) for name in value):
            wrong_type(key, value, self)
        names = tuple(str(name).strip().strip("\"'") for name in value)
        return names if names and all(names) else out_of_range(key, list(value), self)


@dataclass(frozen=True, kw_only=True)
class ConvertSettings(Settings):
    """What `posekit convert` takes besides ``source`` and ``task``."""

    command: ClassVar[str] = "convert"

    out: str = setting(MISSING, Text("a folder"), "new folder for the data set")
    form: str | None = setting(None, Optionally(Choice(FORMS)), "what the source is; none: told by its content")
    to: str = setting("yolo", Choice(TARGETS), "label files with data.yaml, or COCO JSON")
    names: tuple[str, ...] | None = setting(
        None, Optionally(NameList()), "keypoints of the new data set, by name; none: those of the source"
    )
    images: str | None = setting(None, Optionally(Text("a folder")), "where to look for the pictures first")
    pictures: str = setting(
        "link", Choice(("link", "copy", "none")), "bring the pictures as hard links, as copies, or not at all"
    )
    class_numbers: str = setting(
        "rank", Choice(("rank", "coco80", "id")), "how categories of COCO JSON become class numbers"
    )


@dataclass(frozen=True, kw_only=True)
class MergeSettings(Settings):
    """What `posekit merge_kpt_seg` takes."""

    command: ClassVar[str] = "merge_kpt_seg"

    kpt: str = setting(MISSING, Text("a folder"), "folder of pose label files")
    seg: str = setting(MISSING, Text("a folder"), "folder of segment label files of the same pictures")
    out: str = setting(MISSING, Text("a folder"), "new folder for multitask label files")
    kpt_shape: tuple[int, ...] | None = setting(
        None, Optionally(Listing(Whole(1), length=2)), "[K, 2] or [K, 3] of the keypoints; none: told by the rows"
    )
    iou: float = setting(0.5, Number(0, 1), "smallest overlap of a pose's box with that of an outline")
    layout: str = setting(
        "keypoints_polygon", Choice(("keypoints_polygon", "box_keypoints_polygon")), "what rows hold behind the class"
    )
