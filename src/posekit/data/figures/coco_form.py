"""Scenes written as a COCO keypoint data set."""

import json
from pathlib import Path
from typing import Any

from posekit.data.figures.mask_polygons import mask_polygons
from posekit.data.figures.scene import DEFAULTS
from posekit.data.figures.settings import SceneSettings
from posekit.data.figures.splits import write_pictures
from posekit.files.new_folder import new_folder
from posekit.sample import Sample
from posekit.schema import COCO_PERSON

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
