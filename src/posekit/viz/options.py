"""`DrawOptions`: what a user may choose about a drawing."""

from dataclasses import dataclass

from posekit.errors import UnknownChoiceError

COLOR_MODES = ("class", "instance")
DEFAULT_FONT = "Arial.ttf"


@dataclass(frozen=True, kw_only=True)
class DrawOptions:
    """Choices for one drawing; sizes are pixels of the picture.

    Attributes:
        conf: write the confidence into labels.
        line_width: of boxes; None chooses by the size of the picture.
        font_size: height of label text; None chooses by the size of the picture.
        font: TrueType file or installed font; the default name stands for DejaVu Sans Bold.
        kpt_radius: nominal radius of keypoint dots, for a picture of about 1000 pixels and a large object.
        kpt_line: draw limbs.
        kpt_conf: points of lower confidence are not drawn, nor the limbs that end there.
        labels: write labels at the boxes.
        boxes: draw boxes and labels.
        masks: tint the masks.
        color_mode: "class", or "instance" for one colour per track or object.
        txt_color: BGR of label text.
    """

    conf: bool = True
    line_width: float | None = None
    font_size: float | None = None
    font: str = DEFAULT_FONT
    kpt_radius: float = 5
    kpt_line: bool = True
    kpt_conf: float = 0.25
    labels: bool = True
    boxes: bool = True
    masks: bool = True
    color_mode: str = "class"
    txt_color: tuple[int, int, int] = (255, 255, 255)

    def __post_init__(self) -> None:
        if self.color_mode not in COLOR_MODES:
            raise UnknownChoiceError(f"color_mode {self.color_mode!r} is not one of {', '.join(COLOR_MODES)}")
