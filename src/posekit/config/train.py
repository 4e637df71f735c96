"""Settings of the mode train."""

from dataclasses import dataclass
from typing import ClassVar

from posekit.config.augmentation import AugmentationSettings
from posekit.config.field import Settings, again, setting
from posekit.config.kinds import Choice, Either, Flag, Listing, Number, Optionally, Text, Whole
from posekit.config.predict import PredictSettings
from posekit.config.shared import DataSettings, DetectionSettings

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
