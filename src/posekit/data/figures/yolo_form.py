"""Scenes written as a YOLO pose data set."""

from pathlib import Path

import numpy as np
import yaml

from posekit.data.figures.scene import DEFAULTS
from posekit.data.figures.settings import SceneSettings
from posekit.data.figures.splits import write_pictures
from posekit.files.new_folder import new_folder
from posekit.sample import Sample
from posekit.schema import COCO_PERSON


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
