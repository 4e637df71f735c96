"""Small COCO files and pictures for the tests."""

import json

import cv2
import numpy as np

BIRD = {"id": 1, "name": "bird", "keypoints": ["beak", "left wing", "right wing"], "skeleton": [[1, 2], [1, 3]]}
POINTS = [4, 5, 2, 20, 8, 1, 0, 0, 0]


def entry(number=1, **changes):
    """Return an annotation of picture 1; a change to ... removes the key."""
    whole = {"id": number, "image_id": 1, "category_id": 1, "bbox": [2, 3, 20, 15], "keypoints": POINTS} | changes
    return {key: value for key, value in whole.items() if value is not ...}


def content(*annotations, categories=(BIRD,), images=({"id": 1, "file_name": "a.png", "width": 32, "height": 24},)):
    return {"images": list(images), "annotations": list(annotations), "categories": list(categories)}


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def picture(path, height=24, width=32):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))
    return path
