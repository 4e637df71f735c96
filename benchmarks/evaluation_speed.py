"""Times the scoring of detections in memory: 5,000 pictures x 100 detections x 5 objects, 17 keypoints.

    python benchmarks/evaluation_speed.py [--pictures 5000] [--batch 5000] [--crowded]

Own seconds hold everything from labels and detections to the results: box IoU, OKS, both matchings, AP and curves;
the confusion matrix is left out. Beside them stands the COCO protocol on the same detections, boxes and keypoints,
with the rows it reads counted apart. One process, best of three; processor seconds tell whether other work disturbed.
"""

import argparse
import os
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from posekit.metrics.coco import CocoCollector, coco_metrics_dict
from posekit.metrics.coco_rows import prediction_rows
from posekit.metrics.coco_truth import read_truth
from posekit.metrics.evaluator import Evaluator
from posekit.metrics.parts import Found, Truth
from posekit.schema.schema import COCO_PERSON
from posekit.version import __version__

DETECTIONS, OBJECTS, SIDE = 100, 5, 640
ROUNDS = 3

Pictures = tuple[list[Truth], list[Found], list[str]]


def made_pictures(count: int, crowded: bool) -> Pictures:
    """Return persons at random places, each detected some twenty times, from exactly to badly.

    With `crowded` all objects of a picture lie in one place, so that every detection competes for every one.
    """
    random = np.random.default_rng(0)
    truths, founds = [], []
    for _ in range(count):
        places = np.full((OBJECTS, 2), SIDE / 2) if crowded else random.uniform(100, SIDE - 100, (OBJECTS, 2))
        sizes = np.full((OBJECTS, 2), 150.0) if crowded else random.uniform(40, 200, (OBJECTS, 2))
        places, sizes = places + random.normal(0, 3, places.shape), sizes + random.normal(0, 3, sizes.shape)
        spread = 10 / sizes[:, None] if crowded else 1.0
        points = places[:, None] + (random.random((OBJECTS, 17, 2)) - 0.5) * sizes[:, None] * spread
        truths.append(_truth(random, places, sizes, points))
        founds.append(_found(random, truths[-1], worst=3 if crowded else 12))
    return truths, founds, [f"{number:06d}.jpg" for number in range(count)]


def _truth(random: np.random.Generator, places: Any, sizes: Any, points: Any) -> Truth:
    visibility = random.choice([0, 1, 2], (OBJECTS, 17, 1), p=[0.3, 0.2, 0.5])
    return Truth(
        classes=np.zeros(OBJECTS, np.int64),
        boxes=np.concatenate([places - sizes / 2, places + sizes / 2], 1).astype(np.float32),
        keypoints=np.concatenate([points, visibility], 2).astype(np.float32),
    )


def _found(random: np.random.Generator, truth: Truth, worst: float) -> Found:
    chosen = random.integers(0, OBJECTS, DETECTIONS)
    error = random.exponential(worst, (DETECTIONS, 1))
    assert truth.keypoints is not None
    points = truth.keypoints[chosen, :, :2] + random.normal(0, 1, (DETECTIONS, 17, 2)) * error[:, None]
    confidence = random.random((DETECTIONS, 17, 1))
    return Found(
        classes=np.zeros(DETECTIONS, np.int64),
        scores=np.sort(random.random(DETECTIONS).astype(np.float32))[::-1],
        boxes=(truth.boxes[chosen] + random.normal(0, 1, (DETECTIONS, 4)) * error).astype(np.float32),
        keypoints=np.concatenate([points, confidence], 2).astype(np.float32),
    )


def own_scores(pictures: Pictures, batch: int) -> dict[str, float]:
    """Score by posekit's own rule and return the results."""
    evaluator = Evaluator("pose", {0: "person"}, COCO_PERSON.oks_sigmas, confusion=False)
    for begin in range(0, len(pictures[0]), batch):
        truths, founds, names = (column[begin : begin + batch] for column in pictures)
        evaluator.add(truths, founds, names)
    return evaluator.metrics().results_dict


def best_seconds(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return the best wall and processor time of three runs, and the last result."""
    wall, processor = [], []
    for _ in range(ROUNDS):
        begin, begin_processor = time.perf_counter(), time.process_time()
        result = work()
        wall.append(time.perf_counter() - begin)
        processor.append(time.process_time() - begin_processor)
    return min(wall), min(processor), result


def coco_truth(pictures: Pictures) -> dict[str, Any]:
    """Return the labels as the content of a COCO file."""
    truths, _, names = pictures
    return {
        "images": [
            {"id": number, "file_name": name, "height": SIDE, "width": SIDE} for number, name in enumerate(names)
        ],
        "annotations": [
            _annotation(number * OBJECTS + row, number, truth, row)
            for number, truth in enumerate(truths)
            for row in range(OBJECTS)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_PERSON.names)}],
    }


def _annotation(identity: int, picture: int, truth: Truth, row: int) -> dict[str, Any]:
    assert truth.keypoints is not None
    left, top, right, bottom = truth.boxes[row].tolist()
    points = truth.keypoints[row]
    return {
        "id": identity + 1, "image_id": picture, "category_id": 1, "iscrowd": 0,
        "bbox": [left, top, right - left, bottom - top], "area": 0.53 * (right - left) * (bottom - top),
        "keypoints": points.ravel().tolist(), "num_keypoints": int((points[:, 2] > 0).sum()),
    }  # fmt: skip


def coco_scores(pictures: Pictures, content: dict[str, Any]) -> tuple[float, float, dict[str, float]]:
    """Return seconds for making rows, seconds for scoring arrays by the COCO protocol, and the scores."""
    _, founds, names = pictures
    rows_seconds, begin = 0.0, time.perf_counter()
    collector = CocoCollector(read_truth(content), ("bbox", "keypoints"))
    for found, name in zip(founds, names, strict=True):
        before = time.perf_counter()
        prediction_rows(name, found.boxes, found.scores, found.classes, found.keypoints)
        rows_seconds += time.perf_counter() - before
        collector.add(name, found)
    scores = coco_metrics_dict(collector.scores())
    return rows_seconds, time.perf_counter() - begin - rows_seconds, scores


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=5000, help="pictures handed over at a time")
    parser.add_argument("--crowded", action="store_true", help="all objects of a picture in one place")
    parser.add_argument("--no-coco", action="store_true", help="own scores only")
    options = parser.parse_args()
    print(f"posekit {__version__}, NumPy {np.__version__}, hotcoco {version('hotcoco')}, {os.cpu_count()} processors")
    pictures = made_pictures(options.pictures, options.crowded)
    print(f"{options.pictures} pictures x {DETECTIONS} detections x {OBJECTS} objects, batches of {options.batch}")
    wall, processor, results = best_seconds(lambda: own_scores(pictures, options.batch))
    print(f"  own          {wall:6.2f} s   box {results['metrics/mAP50-95(B)']:.4f}", end="")
    print(f"  pose {results['metrics/mAP50-95(P)']:.4f}   ({processor:.2f} processor seconds)")
    if not options.no_coco:
        content = coco_truth(pictures)
        rows, scoring, scores = min((coco_scores(pictures, content) for _ in range(ROUNDS)), key=lambda run: run[1])
        print(f"  COCO-exact   {scoring:6.2f} s   box {scores['metrics/COCO-AP(B)']:.4f}", end="")
        print(f"  pose {scores['metrics/COCO-AP(P)']:.4f}   (and {rows:.2f} s to make its rows)")


if __name__ == "__main__":
    main()
