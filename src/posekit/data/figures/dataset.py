"""The key ``figures`` of a dataset YAML: a data set of synthetic scenes, drawn on first use."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from posekit.config.commands import TASKS_WITH_OUTLINES
from posekit.config.kinds import question
from posekit.data.coco.split import coco_folder_keys
from posekit.data.description import SPLITS
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.scene import DEFAULTS, make_scene
from posekit.data.find_dataset import FoundKeys, read_keys
from posekit.errors import DatasetError, DatasetTypeError, OutputError, SettingError
from posekit.files.pictures import encode_picture
from posekit.files.values import quote
from posekit.files.writing import new_folder
from posekit.log import LOGGER
from posekit.sample import Sample
from posekit.schema.schema import COCO_PERSON

_RANGES = {"train": (1, 100_000), "val": (1, 100_000), "imgsz": (64, 4096), "seed": (0, 1_000_000_000)}


_EXCLUDED = (*SPLITS, "path", "names", "nc", "download", "annotations", "images")


class Writer(Protocol):
    """Writes scenes as a data set."""

    def __call__(self, folder: Path, *, train: int, val: int, seed: int, settings: SceneSettings) -> Path:
        """Write them; the folder appears complete or not at all."""
        ...


@dataclass(frozen=True, kw_only=True)
class FigureSet:
    """A data set of scenes; two of the same values are the same.

    Attributes:
        train, val: how many scenes of each.
        imgsz: width and height of the pictures in pixels.
        seed: of the first scene.
    """

    train: int = 512
    val: int = 64
    imgsz: int = 320
    seed: int = 0

    @property
    def folder_name(self) -> str:
        """A name that no other set has."""
        return f"figures-train{self.train}-val{self.val}-imgsz{self.imgsz}-seed{self.seed}"


def drawn_keys(found: FoundKeys, *, task: str, datasets_dir: Path) -> FoundKeys:
    """Draw the scenes that a YAML with the key ``figures`` asks for, unless they are there, and return their keys.

    Args:
        found: keys with ``figures``.
        task: "segment" and "multitask" get COCO JSON, which has outlines; other tasks get YOLO label files.
        datasets_dir: the user's folder of data sets, which the scenes go into.

    Raises:
        DatasetTypeError: ``figures`` is no mapping of whole numbers.
        DatasetError: it holds an unknown name, a value out of range, or stands beside keys of another data set.
        OutputError: the scenes cannot be written.
    """
    wanted = _wanted(found)
    if task in TASKS_WITH_OUTLINES:
        folder = datasets_dir.absolute() / f"{wanted.folder_name}-coco"
        _draw(wanted, folder, write_coco_dataset)
        return FoundKeys(source=found.source, keys=coco_folder_keys(folder, task) or {}, folder=folder)
    folder = datasets_dir.absolute() / wanted.folder_name
    _draw(wanted, folder, write_yolo_dataset)
    return FoundKeys(source=found.source, keys=read_keys(folder / "data.yaml"), folder=folder)


def _wanted(found: FoundKeys) -> FigureSet:
    value, where = found.keys["figures"], found.source
    for key in _EXCLUDED:
        if found.keys.get(key) is not None:
            raise DatasetError(f"{where}: `{key}` and `figures` exclude each other: figures are drawn, with names")
    if not isinstance(value, Mapping):
        expected = "numbers such as {train: 512, val: 64, imgsz: 320, seed: 0}"
        raise DatasetTypeError(f"{where}: `figures` is {quote(value)}, expected {expected}")
    for name, number in value.items():
        _check(name, number, where)
    return FigureSet(**value)


def _check(name: Any, number: Any, where: str) -> None:
    if name not in _RANGES:
        hint = question(str(name), _RANGES) or f", expected {', '.join(_RANGES)}"
        raise DatasetError(f"{where}: `figures` has no {quote(name)}{hint}")
    if type(number) is not int:
        raise DatasetTypeError(f"{where}: `figures.{name}` is {quote(number)}, expected a whole number")
    low, high = _RANGES[name]
    if not low <= number <= high:
        raise DatasetError(f"{where}: `figures.{name}` is {quote(number)}, expected {low} to {high}")


def _draw(wanted: FigureSet, folder: Path, write: Writer) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        return  # it appears complete or not at all
    LOGGER.info("drawing %d scenes into %s", wanted.train + wanted.val, folder)
    settings = SceneSettings(size=(wanted.imgsz, wanted.imgsz))
    try:
        write(folder, train=wanted.train, val=wanted.val, seed=wanted.seed, settings=settings)
    except OutputError:
        if not (folder.is_dir() and any(folder.iterdir())):  # another process may have drawn it meanwhile
            raise


# Val scenes start here, whatever the number of train scenes: a larger train set keeps its val set.
VAL_OFFSET = 1_000_000


def write_pictures(
    folder: Path, split: str, count: int, seed: int, settings: SceneSettings
) -> Iterator[tuple[str, Sample]]:
    """Make the scenes of a split one by one, write each picture, and yield its file name with its sample.

    Args:
        folder: where the JPEG files ``000001.jpg``, ... go; made if missing.
        split: "train" (seeds from `seed`) or "val" (seeds from `seed` + 1 000 000).
        count: how many scenes.
        seed: the data set's seed.
        settings: what the scenes look like.

    Raises:
        SettingError: `count` is outside 0..1 000 000, so that train and val would share scenes.
    """
    if not 0 <= count <= VAL_OFFSET:
        raise SettingError(f"{split}={count} scenes: write between 0 and {VAL_OFFSET}")
    folder.mkdir(parents=True)
    first = seed + (VAL_OFFSET if split == "val" else 0)
    for number in range(1, count + 1):
        sample = make_scene(first + number - 1, settings)
        name = f"{number:06d}.jpg"
        (folder / name).write_bytes(encode_picture(sample.image))
        yield name, sample


def write_yolo_dataset(
    folder: str | Path, *, train: int, val: int, seed: int = 0, settings: SceneSettings = DEFAULTS
) -> Path:
    """Write scenes as a YOLO pose data set; the folder appears complete or not at all.

    Pictures are ``images/{train,val}/000001.jpg``, labels ``labels/{train,val}/000001.txt`` with rows
    ``class cx cy w h`` and 17 times ``x y visibility``, normalised by the picture's size.

    Args:
        folder: a new or empty folder.
        train, val: how many scenes of each.
        seed: train scenes have the seeds from here on, val scenes those from `seed` + 1 000 000 on.
        settings: what the scenes look like.

    Returns:
        The path of ``data.yaml``.

    Raises:
        OutputError: the folder holds something already.
        SettingError: a count is out of range.
    """
    folder = Path(folder)
    with new_folder(folder) as draft:
        for split, count in (("train", train), ("val", val)):
            labels = draft / "labels" / split
            labels.mkdir(parents=True)
            for name, sample in write_pictures(draft / "images" / split, split, count, seed, settings):
                (labels / name).with_suffix(".txt").write_text(label_rows(sample), encoding="utf-8")
        text = yaml.safe_dump(_description(), sort_keys=False, default_flow_style=None)
        (draft / "data.yaml").write_text(text, encoding="utf-8")
    return folder / "data.yaml"


def label_rows(sample: Sample) -> str:
    """Return the label file of a sample: one line per object, empty without objects."""
    height, width = sample.size
    keypoints = np.zeros((0, 17, 3), np.float32) if sample.keypoints is None else sample.keypoints
    rows = []
    for label, box, points in zip(sample.classes, sample.boxes, keypoints, strict=True):
        x1, y1, x2, y2 = box.tolist()
        values = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height]
        texts = [str(int(label)), *(f"{value:.6f}" for value in values)]
        for x, y, visibility in points.tolist():
            texts += [f"{x / width:.6f}", f"{y / height:.6f}", str(int(visibility))]
        rows.append(" ".join(texts) + "\n")
    return "".join(rows)


def _description() -> dict[str, object]:
    schema = COCO_PERSON.to_dict()
    keys = ("kpt_shape", "flip_idx", "kpt_names", "skeleton", "kpt_oks_sigmas")
    places = {"path": ".", "train": "images/train", "val": "images/val", "names": {0: "person"}}
    return places | {key: schema[key] for key in keys}


Mask = NDArray[np.bool_]


def mask_polygons(mask: Mask) -> list[list[float]]:
    """Return the outlines of a mask (H, W) bool as flat lists x1 y1 x2 y2 ... in pixels.

    Polygons of COCO cannot have holes: a region with a hole is cut in two through it. Filled by COCO's
    tools, all polygons together give the mask back.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return []
    left, top = int(columns[0]), int(rows[0])
    window = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    return [np.add(outline, (left, top)).ravel().tolist() for outline in _outlines(window)]


def _outlines(mask: Mask) -> list[NDArray[np.float64]]:
    """Closed outlines (n, 2) of all regions."""
    # Contours run through pixel centres. On a mask of twice the size these lie a quarter of a pixel inside
    # the region's edge, so that the centre of every pixel of the region is within its outline.
    doubled = np.pad(mask, 1).repeat(2, 0).repeat(2, 1).astype(np.uint8)
    contours, hierarchy = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return []
    holes = [contour for contour, link in zip(contours, hierarchy[0], strict=True) if link[3] >= 0]
    if holes:
        # Contours of holes run along the region around them; the padding is one pixel, two in `doubled`.
        middle = (int(holes[0][:, 0, 0].min()) + int(holes[0][:, 0, 0].max())) // 4 - 1
        return [*_outlines(mask[:, :middle]), *(np.add(part, (middle, 0)) for part in _outlines(mask[:, middle:]))]
    return [(contour[:, 0].astype(np.float64) + 0.5) / 2 - 1 for contour in contours if len(contour) >= 3]


PERSON_ID = 1


def write_coco_dataset(
    folder: str | Path, *, train: int, val: int, seed: int = 0, settings: SceneSettings = DEFAULTS
) -> Path:
    """Write scenes as a COCO keypoint data set; the folder appears complete or not at all.

    Pictures are ``images/{train,val}/000001.jpg``, labels ``annotations/person_keypoints_{train,val}.json``.

    Args:
        folder: a new or empty folder.
        train, val: how many scenes of each.
        seed: train scenes have the seeds from here on, val scenes those from `seed` + 1 000 000 on.
        settings: what the scenes look like.

    Returns:
        `folder`.

    Raises:
        OutputError: the folder holds something already.
        SettingError: a count is out of range.
    """
    folder = Path(folder)
    with new_folder(folder) as draft:
        (draft / "annotations").mkdir()
        for split, count in (("train", train), ("val", val)):
            content = _empty_content()
            for name, sample in write_pictures(draft / "images" / split, split, count, seed, settings):
                _append(content, name, sample)
            path = draft / "annotations" / f"person_keypoints_{split}.json"
            path.write_text(json.dumps(content), encoding="utf-8")
    return folder


def _empty_content() -> dict[str, Any]:
    person = {
        "id": PERSON_ID,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(COCO_PERSON.names),
        "skeleton": [[a + 1, b + 1] for a, b in COCO_PERSON.skeleton],
    }
    info = {"description": "posekit figures: synthetic scenes with exact labels"}
    return {"info": info, "licenses": [], "images": [], "annotations": [], "categories": [person]}


def _append(content: dict[str, Any], name: str, sample: Sample) -> None:
    """Add a picture and its people to the content of a COCO file."""
    height, width = sample.size
    image_id = len(content["images"]) + 1
    content["images"].append({"id": image_id, "file_name": name, "height": height, "width": width})
    if sample.keypoints is None or sample.masks is None:
        return
    for box, points, mask in zip(sample.boxes, sample.keypoints, sample.masks, strict=True):
        x1, y1, x2, y2 = box.tolist()
        content["annotations"].append(
            {
                "id": len(content["annotations"]) + 1,
                "image_id": image_id,
                "category_id": PERSON_ID,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": int(mask.sum()),
                "iscrowd": 0,
                "num_keypoints": int((points[:, 2] > 0).sum()),
                "keypoints": [round(value, 2) for value in points.ravel().tolist()],
                "segmentation": mask_polygons(mask),
            }
        )
