"""Compares predictions with the reference's, and scores them by pycocotools.

    python benchmarks/agreement.py --model yolo11n-pose.pt --pictures FOLDER \
        --reference-python /path/to/its/bin/python [--reference-preload MODULE] [--truth person_keypoints.json]

Rows of both are paired by box IoU above 0.9, best first; keypoints of pairs are compared in pixels of the picture.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reference import Reference

from posekit import YOLO

SETTINGS = {"imgsz": 640, "conf": 0.001, "iou": 0.7}
PAIRED_IOU = 0.9
COMPARED_SCORE = 0.05


def pair_rows(ours: NDArray[Any], theirs: NDArray[Any]) -> list[tuple[int, int]]:
    """Pair boxes (N, 6) and (M, 6), rows in falling score, each with the best free partner above the IoU."""
    near = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    far = np.minimum(ours[:, None, 2:4], theirs[None, :, 2:4])
    overlap = (far - near).clip(0).prod(2)
    areas = [(rows[:, 2:4] - rows[:, :2]).prod(1) for rows in (ours, theirs)]
    iou = overlap / np.maximum(areas[0][:, None] + areas[1][None] - overlap, 1e-9)
    pairs = []
    for row in range(len(ours)):
        best = int(iou[row].argmax()) if iou.shape[1] else -1
        if best >= 0 and iou[row, best] > PAIRED_IOU:
            pairs.append((row, best))
            iou[:, best] = 0
    return pairs


def compare(model: YOLO, reference: Reference, pictures: list[Path]) -> dict[str, float]:
    """Return counts and the largest differences over all pictures."""
    total = {"ours": 0, "theirs": 0, "pairs": 0}
    boxes, points, scores = [0.0], [0.0], [0.0]
    for picture in pictures:
        result = model.predict(picture, verbose=False, device="cpu", **SETTINGS)[0].numpy()
        answer = reference.predict(picture, SETTINGS)
        theirs = np.array(answer["boxes"], np.float32).reshape(-1, 6)
        pairs = pair_rows(result.boxes.data, theirs)
        total["ours"] += len(result)
        total["theirs"] += len(theirs)
        total["pairs"] += len(pairs)
        for mine, other in pairs:
            if theirs[other, 4] > COMPARED_SCORE:
                boxes.append(float(np.abs(result.boxes.data[mine, :4] - theirs[other, :4]).max()))
                scores.append(float(abs(result.boxes.data[mine, 4] - theirs[other, 4])))
                keypoints = np.array(answer["keypoints"][other], np.float32)
                points.append(float(np.abs(result.keypoints.data[mine, :, :2] - keypoints[:, :2]).max()))
    return {**total, "box_px": max(boxes), "keypoint_px": max(points), "score": max(scores)}


def score(model: YOLO, pictures: list[Path], truth: Path) -> tuple[float, float]:
    """Return keypoint AP and AP50 by pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    coco = COCO(str(truth))
    ids = {Path(image["file_name"]).stem: image["id"] for image in coco.dataset["images"]}
    rows = []
    for picture in pictures:
        result = model.predict(picture, verbose=False, device="cpu", **SETTINGS)[0].numpy()
        for box, keypoints in zip(result.boxes.data, result.keypoints.data, strict=True):
            row = {"image_id": ids[picture.stem], "category_id": 1, "score": float(box[4])}
            rows.append({**row, "keypoints": keypoints.flatten().tolist()})
    evaluation = COCOeval(coco, coco.loadRes(rows), "keypoints")
    evaluation.params.imgIds = sorted(ids[picture.stem] for picture in pictures)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats[0], evaluation.stats[1]


def main() -> None:
    """Parse arguments, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pictures", required=True, type=Path)
    parser.add_argument("--reference-python", default="")
    parser.add_argument("--reference-preload", default="")
    parser.add_argument("--truth", type=Path, help="COCO keypoint annotations of the pictures")
    options = parser.parse_args()
    pictures = sorted(path for path in options.pictures.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    model = YOLO(options.model)
    if options.reference_python:
        with Reference(options.reference_python, options.model, options.reference_preload) as reference:
            print(json.dumps(compare(model, reference, pictures), indent=2))
    if options.truth:
        average, average50 = score(model, pictures, options.truth)
        print(f"AP {average:.4f}, AP50 {average50:.4f}")


if __name__ == "__main__":
    main()
