"""Damaged COCO files: one clear error, or every annotation either read or counted."""

import json
import random
from collections import Counter

import cv2
import numpy as np
import pytest

from data.coco.damage import damaged_text
from posekit.data.coco.read import read_coco
from posekit.data.coco.split import read_coco_split
from posekit.data.coco.write import coco_content
from posekit.errors import PosekitError
from posekit.files.problems import ProblemList

CROWDS = 1  # in the good file; labels never hold them
TASKS = ("pose", "multitask", "segment", "detect")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    for name in "abc":
        cv2.imwrite(str(folder / f"{name}.png"), np.zeros((24, 32, 3), np.uint8))
    return folder


def check(path, task):
    """Read a file in both ways; return what became of it."""
    try:
        annotations = read_coco(path, task=task)
        split = read_coco_split([path], task=task)
    except PosekitError:
        return "refused"
    count = len(json.loads(path.read_bytes())["annotations"])
    read = sum(len(picture.objects) for picture in annotations.pictures)
    assert read + sum(problem.objects for problem in annotations.problems) == count
    assert split.report.objects == sum(map(len, split.pictures))
    assert split.report.objects + split.report.dropped == count
    for labels in split.pictures:
        for values in (labels.boxes, labels.keypoints, *(labels.polygons or ())):
            assert values is None or np.isfinite(values).all()
    assert all(problem.message and problem.code for problem in split.report.problems)
    json.dumps(coco_content(annotations, ProblemList("")), allow_nan=False)
    return "something left out" if split.report.dropped > CROWDS else "all read"


@pytest.mark.parametrize("seed", range(4))
def test_no_damage_crashes_or_loses_an_object(folder, seed):
    choices = random.Random(seed)
    outcomes = Counter()
    path = folder / "damaged.json"
    for _ in range(100):
        path.write_bytes(damaged_text(choices))
        outcomes[check(path, choices.choice(TASKS))] += 1
    assert min(outcomes[kind] for kind in ("refused", "all read", "something left out")) > 0
