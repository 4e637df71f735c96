"""The pictures of `val/match_*.npz` as labels and detections, with what must come out."""

from functools import cache
from pathlib import Path

import numpy as np

from posekit.metrics.evaluator import Evaluator
from posekit.metrics.parts import Truth
from posekit.results.detected import Detected
from posekit.schema.schema import COCO_PERSON

FOLDER = Path(__file__).parent / "val"
NAMES = {0: "cat", 1: "dog", 2: "bird", 3: "unused"}
PICTURES = 24
FILE_NAMES = [f"{number:06d}.jpg" for number in range(PICTURES)]
# Case: its task, and its second part: attribute of the metrics, matches and similarities in the file.
CASES = {
    "pose17": ("pose", "pose", "tp_p", "oks"),
    "pose5_uniform": ("pose", "pose", "tp_p", "oks"),
    "pose5_custom": ("pose", "pose", "tp_p", "oks"),
    "segment": ("segment", "seg", "tp_m", "mask_iou"),
}


@cache
def arrays(case):
    with np.load(FOLDER / f"match_{case}.npz") as file:
        return {key: file[key] for key in file.files}


def sigmas(case):
    return arrays(case).get("sigma", COCO_PERSON.oks_sigmas)


def picture(case, number):
    """Return the truth and the detections of one picture."""

    def read(key, dtype=None):
        value = arrays(case).get(f"in/{number:02d}/{key}")
        return value if dtype is None else value.astype(dtype)

    truth = Truth(
        classes=read("gt_cls", np.int64), boxes=read("gt_boxes"), keypoints=read("gt_kpts"), masks=read("gt_masks")
    )
    found = Detected(
        classes=read("pred_cls", np.int64),
        scores=read("pred_conf"),
        boxes=read("pred_boxes"),
        keypoints=read("pred_kpts"),
        masks=read("pred_masks"),
    )
    return truth, found


def conf(number):
    """Return the confidence that the recorded confusion matrix was fed a picture with."""
    return 0.001 if number % 2 else 0.25


def evaluated(case, batch=PICTURES):
    """Return an evaluator that has seen all pictures, and the matches it gave for each."""
    task = CASES[case][0]
    evaluator = Evaluator(task, NAMES, sigmas(case) if task == "pose" else None)
    matches = []
    for begin in range(0, PICTURES, batch):
        numbers = range(PICTURES)[begin : begin + batch]
        truths, founds = zip(*(picture(case, number) for number in numbers), strict=True)
        matches += evaluator.add(truths, founds, [FILE_NAMES[number] for number in numbers])
    return evaluator, matches
