"""Data sets of synthetic scenes: the key ``figures`` of a dataset YAML, and scenes written in YOLO and COCO form."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from posekit.config.commands import TASKS_WITH_OUTLINES
from posekit.config.kinds import question
from posekit.data.annotation import AnnotationSet, ObjectAnnotation, PictureAnnotation, Points
from posekit.data.coco.split import coco_folder_keys
from posekit.data.coco.write import write_coco
from posekit.data.description import SPLITS
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.scene import DEFAULTS, make_scene
from posekit.data.find_dataset import DatasetYaml, read_dataset_yaml
from posekit.data.to_labels import LabelRow
from posekit.data.yolo.write import label_text
from posekit.errors import DatasetError, DatasetTypeError, OutputError, SettingError
from posekit.files.pictures import encode_picture
from posekit.files.values import quote
from posekit.files.writing import new_folder
from posekit.log import LOGGER
from posekit.sample import Sample
from posekit.schema.schema import COCO_PERSON

Mask = NDArray[np.bool_]
Writer = Callable[..., Path]  # `write_yolo_dataset` or `write_coco_dataset`

# What the key may hold: the usual, the smallest and the largest value. `imgsz` is in pixels, `seed` of the first scene.
_VALUES = {"train": (512, 1, 100_000), "val": (64, 1, 100_000), "imgsz": (320, 64, 4096), "seed": (0, 0, 1_000_000_000)}
_EXCLUDED = (*SPLITS, "path", "names", "nc", "download", "annotations", "images")

# Val scenes start here, whatever the number of train scenes: a larger train set keeps its val set.
VAL_OFFSET = 1_000_000


def drawn_keys(found: DatasetYaml, *, task: str, datasets_dir: Path) -> DatasetYaml:
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
    folder = datasets_dir.absolute() / "-".join(("figures", *(f"{name}{value}" for name, value in wanted.items())))
    if task in TASKS_WITH_OUTLINES:
        folder = folder.with_name(f"{folder.name}-coco")
        _draw(wanted, folder, write_coco_dataset)
        return DatasetYaml(source=found.source, content=coco_folder_keys(folder, task) or {}, folder=folder)
    _draw(wanted, folder, write_yolo_dataset)
    return replace(read_dataset_yaml(folder / "data.yaml"), source=found.source)


def _wanted(found: DatasetYaml) -> dict[str, int]:
    """Return train, val, imgsz and seed."""
    value, where = found.content["figures"], found.source
    for key in _EXCLUDED:
        if found.content.get(key) is not None:
            raise DatasetError(f"{where}: `{key}` and `figures` exclude each other: figures are drawn, with names")
    if not isinstance(value, Mapping):
        expected = "numbers such as {train: 512, val: 64, imgsz: 320, seed: 0}"
        raise DatasetTypeError(f"{where}: `figures` is {quote(value)}, expected {expected}")
    for name, number in value.items():
        _check(name, number, where)
    return {name: value.get(name, usual) for name, (usual, _, _) in _VALUES.items()}


def _check(name: Any, number: Any, where: str) -> None:
    if name not in _VALUES:
        hint = question(str(name), _VALUES) or f", expected {', '.join(_VALUES)}"
        raise DatasetError(f"{where}: `figures` has no {quote(name)}{hint}")
    if type(number) is not int:
        raise DatasetTypeError(f"{where}: `figures.{name}` is {quote(number)}, expected a whole number")
    _, low, high = _VALUES[name]
    if not low <= number <= high:
        raise DatasetError(f"{where}: `figures.{name}` is {quote(number)}, expected {low} to {high}")


def _draw(wanted: dict[str, int], folder: Path, write: Writer) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        return  # it appears complete or not at all
    LOGGER.info("drawing %d scenes into %s", wanted["train"] + wanted["val"], folder)
    settings = SceneSettings(size=(wanted["imgsz"], wanted["imgsz"]))
    try:
        write(folder, train=wanted["train"], val=wanted["val"], seed=wanted["seed"], settings=settings)
    except OutputError:
        if not (folder.is_dir() and any(folder.iterdir())):  # another process may have drawn it meanwhile
            raise


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
        OutputError: the folder holds something already, or cannot be written.
        SettingError: a count is out of range.
    """
    folder = Path(folder)
    with new_folder(folder) as draft:
        for split, count in (("train", train), ("val", val)):
            labels = draft / "labels" / split
            labels.mkdir(parents=True)
            for picture, sample in _write_pictures(draft / "images" / split, split, count, seed, settings):
                (labels / picture.name).with_suffix(".txt").write_text(label_text(_rows(sample)), encoding="utf-8")
        schema = COCO_PERSON.to_dict()
        keys = ("kpt_shape", "flip_idx", "kpt_names", "skeleton", "kpt_oks_sigmas")
        content = {"path": ".", "train": "images/train", "val": "images/val", "names": {0: "person"}}
        content |= {key: schema[key] for key in keys}
        text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None)
        (draft / "data.yaml").write_text(text, encoding="utf-8")
    return folder / "data.yaml"


def write_coco_dataset(
    folder: str | Path, *, train: int, val: int, seed: int = 0, settings: SceneSettings = DEFAULTS
) -> Path:
    """Write scenes as a COCO keypoint data set; the folder appears complete or not at all.

    Pictures are ``images/{train,val}/000001.jpg``, labels ``annotations/person_keypoints_{train,val}.json``.
    Arguments and errors are those of `write_yolo_dataset`.

    Returns:
        `folder`.
    """
    folder = Path(folder)
    with new_folder(folder) as draft:
        for split, count in (("train", train), ("val", val)):
            made = _write_pictures(draft / "images" / split, split, count, seed, settings)
            pictures = tuple(
                PictureAnnotation(file_name=picture.name, path=picture, size=sample.size, objects=_people(sample))
                for picture, sample in made
            )
            people = AnnotationSet(names={0: "person"}, schema=COCO_PERSON, pictures=pictures)
            write_coco(people, draft / "annotations" / f"person_keypoints_{split}.json")
    return folder


def _write_pictures(
    folder: Path, split: str, count: int, seed: int, settings: SceneSettings
) -> Iterator[tuple[Path, Sample]]:
    """Make the scenes of a split one by one, write each picture, and yield its path with its sample."""
    if not 0 <= count <= VAL_OFFSET:  # train and val would share scenes
        raise SettingError(f"{split}={count} scenes: write between 0 and {VAL_OFFSET}")
    folder.mkdir(parents=True)
    first = seed + (VAL_OFFSET if split == "val" else 0)
    for number in range(1, count + 1):
        sample = make_scene(first + number - 1, settings)
        picture = folder / f"{number:06d}.jpg"
        picture.write_bytes(encode_picture(sample.image))
        yield picture, sample


def _rows(sample: Sample) -> Iterator[LabelRow]:
    scale = np.array(sample.size[::-1], np.float64)
    for box, points in zip(sample.boxes.astype(np.float64), _keypoints(sample), strict=True):
        near, far = box[:2] / scale, box[2:] / scale
        fractions = np.concatenate((points[:, :2] / scale, points[:, 2:]), axis=1)
        yield LabelRow(label=0, box=np.concatenate(((near + far) / 2, far - near)), keypoints=fractions)


def _people(sample: Sample) -> tuple[ObjectAnnotation, ...]:
    assert sample.masks is not None
    return tuple(
        ObjectAnnotation(
            label=0,
            box=(x1, y1, x2, y2),
            keypoints=points,
            parts=tuple(mask_polygons(mask)),
            area=float(mask.sum()),
        )
        for (x1, y1, x2, y2), points, mask in zip(sample.boxes.tolist(), _keypoints(sample), sample.masks, strict=True)
    )


def _keypoints(sample: Sample) -> Points:
    assert sample.keypoints is not None
    return sample.keypoints.astype(np.float64)


def mask_polygons(mask: Mask) -> list[Points]:
    """Return the outlines (P, 2) in pixels of a mask (H, W) bool.

    Polygons of COCO cannot have holes: a region with a hole is cut in two through it. Filled by COCO's
    tools, all polygons together give the mask back.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return []
    left, top = int(columns[0]), int(rows[0])
    window = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    return [np.add(outline, (left, top)) for outline in _outlines(window)]


def _outlines(mask: Mask) -> list[Points]:
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
