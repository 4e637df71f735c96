"""Settings of training augmentation."""

from dataclasses import dataclass

from posekit.config.field import Settings, setting
from posekit.config.kinds import Choice, Either, Listing, Number, Optionally, Whole
from posekit.config.transforms import Transforms


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
