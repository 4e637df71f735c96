"""`Results`: everything predicted on one picture."""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from torch import Tensor

from posekit.errors import SettingError, UnknownAttributeError
from posekit.files.pictures import default_picture_name, write_picture
from posekit.results.output import (
    Row,
    detections_to_arrays,
    keypoints_to_arrays,
    label_rows,
    results_to_detections,
    results_to_keypoints,
    rows_to_csv,
    rows_to_frame,
    rows_to_json,
    save_crops,
    summary_rows,
)
from posekit.results.parts import Array, Boxes, Index, Keypoints, Masks, as_numpy, picture_size
from posekit.sample import Picture
from posekit.schema.schema import KeypointSchema

if TYPE_CHECKING:
    from PIL.Image import Image


class Results:
    """Boxes, masks and keypoints of the N detections on one picture or video frame.

    Attributes:
        orig_img: (H, W, 3) uint8 BGR, or the (3, H, W) float RGB tensor that was handed in.
        orig_shape: (H, W) of it.
        path: file, URL or made-up name of the picture.
        names: class name by number.
        boxes, masks, keypoints: the parts; None when the task lacks them.
        probs, obb: always None, kept for code that asks.
        speed: milliseconds for ``preprocess``, ``inference`` and ``postprocess``.
        save_dir: folder of the run; None when nothing is saved.
        schema: names and limbs of the keypoints, for drawing; None when unknown.
    """

    def __init__(
        self,
        orig_img: Picture | Tensor,
        path: str,
        names: Mapping[int, str],
        boxes: Array | None = None,
        masks: Array | None = None,
        probs: None = None,
        keypoints: Array | None = None,
        obb: None = None,
        speed: Mapping[str, float | None] | None = None,
        *,
        schema: KeypointSchema | None = None,
    ) -> None:
        """Wrap the arrays or tensors; nothing is copied.

        Args:
            orig_img: the picture.
            path: where it came from.
            names: class name by number.
            boxes: (N, 6) x1 y1 x2 y2 conf cls, or (N, 7) x1 y1 x2 y2 id conf cls; pixels of the picture.
            masks: (N, h, w) 0 or 1, at the network's or the picture's size.
            probs: must stay None: there is no classification task.
            keypoints: (N, K, 2) x y or (N, K, 3) x y confidence; pixels of the picture.
            obb: must stay None: there is no task with rotated boxes.
            speed: milliseconds per stage.
            schema: names and limbs of the keypoints.

        Raises:
            ShapeError: a part does not have the shape given above.
        """
        if probs is not None or obb is not None:
            raise SettingError("probs and obb must be None: Results holds boxes, masks and keypoints")
        self.orig_img = orig_img
        self.orig_shape = picture_size(orig_img)
        self.path = path
        self.names = names
        self.boxes = None if boxes is None else Boxes(boxes, self.orig_shape)
        self.masks = None if masks is None else Masks(masks, self.orig_shape)
        self.keypoints = None if keypoints is None else Keypoints(keypoints, self.orig_shape)
        self.probs = None
        self.obb = None
        no_times = dict.fromkeys(("preprocess", "inference", "postprocess"))
        self.speed: dict[str, float | None] = dict(speed) if speed else {**no_times}
        self.save_dir: str | None = None
        self.schema = schema

    @classmethod
    def from_supervision(
        cls,
        found: Any,
        orig_img: Picture,
        names: Mapping[int, str],
        path: str = "",
        schema: KeypointSchema | None = None,
    ) -> "Results":
        """Build from `sv.Detections` or `sv.KeyPoints` in pixels of `orig_img`."""
        if hasattr(found, "xyxy"):
            boxes, keypoints, masks = detections_to_arrays(found)
            return cls(orig_img, path, names, boxes=boxes, masks=masks, keypoints=keypoints, schema=schema)
        boxes, keypoints = keypoints_to_arrays(found)
        return cls(orig_img, path, names, boxes=boxes, keypoints=keypoints, schema=schema)

    def __len__(self) -> int:
        """Return the number of detections."""
        return next((len(part) for part in (self.boxes, self.masks, self.keypoints) if part is not None), 0)

    def __getitem__(self, index: Index) -> "Results":
        """Return the chosen detections: by int, slice, list, or a mask of either library."""
        if isinstance(index, int) and not -len(self) <= index < len(self):
            raise IndexError(f"detection {index} of {len(self)}")
        return self._converted(lambda part: part[index])

    def __iter__(self) -> Iterator["Results"]:
        return (self[i] for i in range(len(self)))

    def __getattr__(self, name: str) -> NoReturn:
        known = sorted(key for key in {*self.__dict__, *dir(type(self))} if not key.startswith("_"))
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownAttributeError(f"Results has no attribute {name!r}.{hint} It has: {', '.join(known)}")

    def __repr__(self) -> str:
        parts = (("boxes", self.boxes), ("masks", self.masks), ("keypoints", self.keypoints))
        shapes = ", ".join(f"{name} {part.shape}" for name, part in parts if part is not None)
        return f"Results({self.path!r}, {len(self)} detections, picture {self.orig_shape}, {shapes or 'no parts'})"

    def new(self) -> "Results":
        """Return a result for the same picture without detections or parts."""
        empty = Results(self.orig_img, self.path, self.names, speed=self.speed, schema=self.schema)
        empty.save_dir = self.save_dir
        return empty

    def update(
        self,
        boxes: Array | None = None,
        masks: Array | None = None,
        probs: None = None,
        obb: None = None,
        keypoints: Array | None = None,
    ) -> None:
        """Replace parts in place; boxes are clipped to the picture. Arguments as for the constructor."""
        if probs is not None or obb is not None:
            raise SettingError("probs and obb must be None: Results holds boxes, masks and keypoints")
        if boxes is not None:
            self.boxes = Boxes(boxes, self.orig_shape).clipped()
        if masks is not None:
            self.masks = Masks(masks, self.orig_shape)
        if keypoints is not None:
            self.keypoints = Keypoints(keypoints, self.orig_shape)

    def cpu(self) -> "Results":
        """Return a copy with all parts in main memory."""
        return self._converted(lambda part: part.cpu())

    def numpy(self) -> "Results":
        """Return a copy with all parts as NumPy arrays."""
        return self._converted(lambda part: part.numpy())

    def cuda(self) -> "Results":
        """Return a copy with all parts on the current CUDA device."""
        return self._converted(lambda part: part.cuda())

    def to(self, *args: Any, **kwargs: Any) -> "Results":
        """Return a copy with all parts as tensors, converted by `torch.Tensor.to` with the same arguments."""
        return self._converted(lambda part: part.to(*args, **kwargs))

    def verbose(self) -> str:
        """Return counts per class such as "2 cats, 1 bird, ", or "(no detections), "."""
        if self.boxes is None or not len(self):
            return "(no detections), "
        numbers, counts = np.unique(as_numpy(self.boxes.cls).astype(int), return_counts=True)
        pairs = zip(numbers.tolist(), counts.tolist(), strict=True)
        return "".join(f"{count} {self.names[number]}{'s' * (count > 1)}, " for number, count in pairs)

    def plot(
        self,
        conf: bool = True,
        line_width: float | None = None,
        font_size: float | None = None,
        font: str = "Arial.ttf",
        pil: bool = False,
        img: Picture | None = None,
        kpt_radius: int = 5,
        kpt_line: bool = True,
        labels: bool = True,
        boxes: bool = True,
        masks: bool = True,
        probs: bool = True,
        show: bool = False,
        save: bool = False,
        filename: str | Path | None = None,
        color_mode: str = "class",
        txt_color: tuple[int, int, int] = (255, 255, 255),
    ) -> "Picture | Image":
        """Return a copy of the picture, (H, W, 3) uint8 BGR or Pillow, with the detections drawn.

        Args:
            conf: write the confidence into labels.
            line_width: of boxes, pixels; None chooses by the picture's size, as does `font_size`.
            font_size: of labels, pixels.
            font: TrueType file or installed font of the labels; the default name stands for DejaVu Sans Bold.
            pil: return a Pillow picture (RGB) instead of an array.
            img: (H, W, 3) uint8 BGR of the same size to draw on a copy of, instead of `orig_img`.
            kpt_radius: of keypoint dots; nominal, made smaller for small objects and pictures.
            kpt_line: draw limbs, where the skeleton is known.
            labels: write class names (and track ids) at the boxes.
            boxes: draw boxes and labels.
            masks: tint the masks.
            probs: without effect.
            show: also open the picture in the system's viewer.
            save: also write it to a file.
            filename: of that file; None is ``results_<name>``.
            color_mode: "class", or "instance" for one colour per track or detection.
            txt_color: BGR of label text; black or white takes over where it would not be readable.

        Raises:
            UnknownChoiceError: another `color_mode` (an `AssertionError`).
            ShapeError: `img` has another size than the picture.
        """
        from posekit.results.output import draw_results
        from posekit.viz.draw import DrawOptions
        from posekit.viz.window import pillow_picture, show_picture

        options = DrawOptions(
            conf=conf, line_width=line_width, font_size=font_size, font=font, kpt_radius=kpt_radius, kpt_line=kpt_line,
            labels=labels, boxes=boxes, masks=masks, color_mode=color_mode, txt_color=txt_color,
        )  # fmt: skip
        picture = draw_results(self, options, img)
        if save:
            write_picture(filename or default_picture_name(self.path), picture)
        if show:
            show_picture(picture)
        return pillow_picture(picture) if pil else picture

    def show(self, **plot: Any) -> None:
        """Draw and open the picture in the system's viewer; arguments as for `plot`.

        Raises:
            DisplayError: there is no screen or no viewer.
        """
        self.plot(**{**plot, "show": True})

    def save(self, filename: str | Path | None = None, **plot: Any) -> str:
        """Draw and write the picture, making folders; return its path. Arguments as for `plot`."""
        filename = str(filename or default_picture_name(self.path))
        self.plot(**{**plot, "save": True, "filename": filename})
        return filename

    def save_txt(self, txt_file: str | Path, save_conf: bool = False) -> str:
        """Append one label row per detection to a text file and return its path; no rows, no file.

        Rows hold class, box (with masks: outline instead), keypoints, confidence when asked for, and
        track id when tracked; coordinates are normalised to the picture.
        """
        path = Path(txt_file)
        if rows := label_rows(self, save_conf=save_conf):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.writelines(f"{row}\n" for row in rows)
        return str(path)

    def save_crop(self, save_dir: str | Path, file_name: str | Path = "im.jpg") -> list[str]:
        """Write each detection to ``<save_dir>/<class name>/<stem>.jpg`` and return the paths.

        Boxes are enlarged a little; a taken name gets ``-2``, ``-3``, ...
        """
        return save_crops(self, save_dir, Path(file_name).stem)

    def summary(self, normalize: bool = False, decimals: int = 5) -> list[Row]:
        """Return one dictionary per detection.

        Keys: ``name``, ``class``, ``confidence``, ``box`` {x1, y1, x2, y2}; with tracking ``track_id``,
        with masks ``segments`` {x, y}, with keypoints ``keypoints`` {x, y, visible}.

        Args:
            normalize: divide coordinates by the picture's width and height.
            decimals: digits kept after the point.
        """
        return summary_rows(self, normalize=normalize, decimals=decimals)

    def to_df(self, normalize: bool = False, decimals: int = 5) -> Any:
        """Return `summary` as a polars data frame, or a pandas one where polars is not installed."""
        return rows_to_frame(self.summary(normalize, decimals))

    def to_csv(self, normalize: bool = False, decimals: int = 5) -> str:
        """Return `summary` as CSV text; nested cells hold the dictionary's text."""
        return rows_to_csv(self.summary(normalize, decimals))

    def to_json(self, normalize: bool = False, decimals: int = 5) -> str:
        """Return `summary` as JSON text."""
        return rows_to_json(self.summary(normalize, decimals))

    def to_supervision(self, conf: float = 0.25) -> Any:
        """Return `sv.Detections` whose ``data`` also carries the keypoints.

        ``data["keypoints"]`` is (N, K, 3) float32: x, y in pixels and 2 for points of at least `conf`,
        else 0. ``data["keypoints_confidence"]`` is (N, K), where the model gives confidences.
        """
        return results_to_detections(self, conf)

    def to_supervision_keypoints(self, conf: float = 0.25) -> Any:
        """Return `sv.KeyPoints` with ``visible`` set for points of at least `conf`."""
        return results_to_keypoints(self, conf)

    def _converted(self, convert: Callable[[Any], Any]) -> "Results":
        """Return a copy whose parts went through `convert`."""
        result = self.new()
        result.boxes = None if self.boxes is None else convert(self.boxes)
        result.masks = None if self.masks is None else convert(self.masks)
        result.keypoints = None if self.keypoints is None else convert(self.keypoints)
        return result
