"""Objects of which nobody knows the outline or the keypoints neither help nor hurt the scores of these."""

import numpy as np
import pytest

from posekit.metrics.evaluator import Evaluator
from posekit.metrics.parts import Truth
from posekit.metrics.report import rows
from posekit.results.detected import Detected

NAMES = {0: "person", 1: "car"}
SIGMAS = (0.1, 0.1)
SIDE = 40


def boxes_of(count):
    return np.array([[20 * i + 2, 2, 20 * i + 12, 12] for i in range(count)], np.float32).reshape(-1, 4)


def masks_of(boxes):
    masks = np.zeros((len(boxes), SIDE, 20 * max(len(boxes), 1)), np.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.astype(int), strict=True):
        mask[y1:y2, x1:x2] = 1
    return masks


def points_of(boxes, visibility=2):
    points = np.stack((boxes[:, :2], boxes[:, 2:]), 1)
    return np.concatenate((points, np.full((len(boxes), 2, 1), visibility, np.float32)), 2)


def truth(classes, *, outlined, labelled):
    boxes = boxes_of(len(classes))
    return Truth(
        classes=np.array(classes),
        boxes=boxes,
        keypoints=points_of(boxes) * np.array(labelled, np.float32)[:, None, None],
        masks=masks_of(boxes) * np.array(outlined, np.uint8)[:, None, None],
        outlined=np.array(outlined),
    )


def found(classes, *, wrong=()):
    boxes = boxes_of(len(classes))
    masks, points = masks_of(boxes), points_of(boxes)
    for place in wrong:
        masks[place] = 0
        points[place, :, :2] += 100
    scores = np.linspace(0.9, 0.5, len(classes)).astype(np.float32)
    return Detected(classes=np.array(classes), scores=scores, boxes=boxes, keypoints=points, masks=masks)


def score(*pictures):
    evaluator = Evaluator("multitask", NAMES, SIGMAS)
    for number, (labels, detections) in enumerate(pictures):
        evaluator.add([labels], [detections], [f"{number}.jpg"])
    return evaluator.metrics()


def test_what_is_said_of_unknown_parts_changes_nothing():
    """Object 1 has no outline, object 2 no keypoints; what the network says there is wild."""
    labels = truth([0, 0, 0], outlined=[True, False, True], labelled=[True, True, False])
    tame, wild = found([0, 0, 0]), found([0, 0, 0], wrong=(1, 2))
    for part, known in (("seg", [0, 2]), ("pose", [0, 1])):
        mixed = {"seg": wild.masks, "pose": wild.keypoints}[part].copy()
        mixed[known] = {"seg": tame.masks, "pose": tame.keypoints}[part][known]
        changes = {"masks" if part == "seg" else "keypoints": mixed}
        metrics = score((labels, Detected(**(vars(tame) | changes))))
        assert metrics.parts[part].map == pytest.approx(0.995)
        assert metrics.parts[part].p.tolist() == metrics.parts[part].r.tolist() == [1]
        assert metrics.parts[part].image_metrics["0.jpg"] == {
            "precision": 1, "recall": 1, "f1": 1, "tp": 2, "fp": 0, "fn": 0,
        }  # fmt: skip


def test_known_parts_still_count():
    labels = truth([0, 0], outlined=[True, False], labelled=[True, True])
    metrics = score((labels, found([0, 0], wrong=(0,))))
    assert metrics.box.map == pytest.approx(0.995)
    assert metrics.seg.map == 0
    assert metrics.pose.map < 0.6


def test_a_detection_beside_every_object_is_wrong_for_all_parts():
    labels = truth([0], outlined=[False], labelled=[False])
    other = truth([0], outlined=[True], labelled=[True])
    far = found([0, 0])
    astray = Detected(
        classes=far.classes[1:], scores=far.scores[1:], boxes=far.boxes[1:] + 50, keypoints=far.keypoints[1:] + 50,
        masks=np.zeros((1, *other.masks.shape[1:]), np.uint8),
    )  # fmt: skip
    metrics = score((labels, astray), (other, found([0])))
    for part in metrics.parts.values():
        assert part.image_metrics["0.jpg"]["fp"] == 1
    assert metrics.seg.image_metrics["0.jpg"]["fn"] == 0


def test_classes_without_keypoints_are_no_part_of_the_pose_scores():
    labels = truth([0, 1], outlined=[True, True], labelled=[True, False])
    metrics = score((labels, found([0, 1])))
    assert metrics.pose.ap_class_index.tolist() == [0]
    assert metrics.pose.map == metrics.box.map == pytest.approx(0.995)
    assert np.isnan(metrics.class_result(1)[-4:]).all()
    assert not np.isnan(metrics.class_result(0)).any()
    assert metrics.summary()[1]["Pose-P"] is None
    assert rows(metrics, per_class=True)[2].split()[-4:] == ["-"] * 4
    assert metrics.pose.maps.tolist() == pytest.approx([0.995, 0.995])


def test_processes_may_share_the_work():
    labels = truth([0, 0, 1], outlined=[True, False, True], labelled=[False, True, False])
    whole = score(*[(labels, found([0, 0, 1], wrong=(place,))) for place in range(3)])
    parts = []
    for place in (2, 0, 1):
        part = Evaluator("multitask", NAMES, SIGMAS)
        part.add([labels], [found([0, 0, 1], wrong=(place,))], [f"{place}.jpg"], [place])
        parts.append(part)
    for part in parts[1:]:
        parts[0].merge(part)
    assert parts[0].metrics().results_dict == whole.results_dict
    for name in ("seg", "pose"):
        assert parts[0].metrics().parts[name].image_metrics == whole.parts[name].image_metrics
