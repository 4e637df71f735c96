"""Scores of many pictures, also where nobody knows a part of an object, and by several processes."""

import logging
import pickle
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.matched_pictures import FILE_NAMES, NAMES, PICTURES, arrays, evaluated, picture, sigmas
from posekit.errors import DatasetError, SettingError, UnknownChoiceError
from posekit.metrics.evaluator import Evaluator
from posekit.metrics.parts import Truth
from posekit.metrics.report import rows
from posekit.results.detected import Detected
from posekit.schema.schema import COCO_PERSON, resolve_sigmas


def truth_of(*classes):
    count = len(classes)
    boxes = np.array([[20 * i, 0, 20 * i + 10, 10] for i in range(count)], np.float32).reshape(-1, 4)
    return Truth(classes=np.array(classes, np.int64), boxes=boxes)


def found_of(*classes, scores=None):
    """Detections of these classes, each on the box of the object of the same place."""
    scores = np.linspace(0.9, 0.5, len(classes)) if scores is None else scores
    return Detected(
        classes=np.array(classes, np.int64), scores=np.array(scores, np.float32), boxes=truth_of(*classes).boxes
    )


def detect(*pictures, confusion=True):
    evaluator = Evaluator("detect", NAMES, confusion=confusion)
    evaluator.add([t for t, _ in pictures], [f for _, f in pictures], [f"{i}.jpg" for i in range(len(pictures))])
    return evaluator


def test_perfect_detections_score_as_high_as_the_rule_allows():
    metrics = detect((truth_of(0, 1), found_of(0, 1)), (truth_of(1), found_of(1))).metrics()
    assert metrics.box.map == pytest.approx(0.995)
    assert metrics.box.p.tolist() == [1, 1]
    assert metrics.seen == 2


@pytest.mark.parametrize("found", [found_of(), found_of(0, 3)])
def test_without_any_label_every_score_is_zero_and_one_warning_says_so(found, caplog):
    with caplog.at_level(logging.WARNING, "posekit"):
        metrics = detect((truth_of(), found), (truth_of(), found_of())).metrics()
    assert [record.message for record in caplog.records] == ["no labels in 2 pictures: every score is 0"]
    assert metrics.mean_results() == [0, 0, 0, 0]
    assert metrics.fitness == 0
    assert metrics.maps.tolist() == [0, 0, 0, 0]
    assert len(metrics.box.ap50) == len(metrics.box.ap) == 0
    assert metrics.summary() == []
    assert [curve[1].shape for curve in metrics.curves_results] == [(0, 1000)] * 4


def test_an_evaluator_without_pictures_has_metrics():
    metrics = Evaluator("pose", {0: "person"}, COCO_PERSON.oks_sigmas).metrics()
    assert metrics.results_dict["fitness"] == 0
    assert metrics.pose.image_metrics == {}


def test_a_class_that_is_detected_but_not_labelled_plays_no_part():
    with_it = detect((truth_of(0), found_of(0, 3))).metrics()
    assert with_it.results_dict == detect((truth_of(0), found_of(0))).metrics().results_dict
    assert with_it.ap_class_index.tolist() == [0]
    assert with_it.maps.tolist() == [pytest.approx(0.995)] * 4  # classes without labels get the mean


def test_a_class_that_is_labelled_but_not_detected_scores_zero():
    metrics = detect((truth_of(0, 2), found_of(0))).metrics()
    assert metrics.box.ap.tolist() == [pytest.approx(0.995), 0]
    assert metrics.class_result(1) == (0, 0, 0, 0)
    assert metrics.nt_per_class.tolist() == [1, 0, 1, 0]


def test_pictures_per_class_counts_pictures_not_objects():
    metrics = detect((truth_of(0, 0, 2), found_of()), (truth_of(0), found_of())).metrics()
    assert metrics.nt_per_image.tolist() == [2, 0, 1, 0]
    assert metrics.nt_per_class.tolist() == [3, 0, 1, 0]


def test_the_confusion_matrix_is_filled_on_request():
    pictures = (truth_of(0, 1), found_of(0, 2))
    assert detect(pictures).metrics().confusion_matrix.matrix.sum() == 2
    assert not detect(pictures, confusion=False).metrics().confusion_matrix.matrix.any()


def test_evaluators_of_several_processes_give_the_same_metrics_as_one():
    whole = evaluated("pose17")[0].metrics()
    parts = [Evaluator("pose", NAMES, sigmas("pose17")) for _ in range(3)]
    for number in range(PICTURES):
        truth, found = picture("pose17", number)
        parts[number % 3].add([truth], [found], [FILE_NAMES[number]], [number])
    first, *others = (pickle.loads(pickle.dumps(part)) for part in reversed(parts))
    for other in others:
        first.merge(other)
    merged = first.metrics()
    assert merged.seen == PICTURES
    assert merged.results_dict == whole.results_dict
    assert list(merged.pose.image_metrics) == FILE_NAMES
    np.testing.assert_array_equal(merged.confusion_matrix.matrix, whole.confusion_matrix.matrix)
    np.testing.assert_array_equal(merged.pose.p_curve, whole.pose.p_curve)


@settings(max_examples=40)
@given(st.permutations(range(PICTURES)), st.integers(1, 9))
def test_the_order_of_pictures_and_batches_does_not_matter(order, batch):
    evaluator = Evaluator("segment", NAMES, confusion=False)
    # Few different scores, so that ties between pictures are common.
    given_pictures = [with_coarse_scores(*picture("segment", number)) for number in order]
    names = [FILE_NAMES[number] for number in order]
    for begin in range(0, PICTURES, batch):
        chosen = slice(begin, begin + batch)
        truths, founds = zip(*given_pictures[chosen], strict=True)
        evaluator.add(truths, founds, names[chosen], order[chosen])
    metrics = evaluator.metrics()
    assert metrics.results_dict == in_order().results_dict
    assert list(metrics.box.image_metrics) == FILE_NAMES


@cache
def in_order():
    pictures = [with_coarse_scores(*picture("segment", number)) for number in range(PICTURES)]
    evaluator = Evaluator("segment", NAMES, confusion=False)
    evaluator.add(*zip(*pictures, strict=True), FILE_NAMES)
    return evaluator.metrics()


def with_coarse_scores(truth, found):
    return truth, Detected(
        classes=found.classes, scores=np.round(found.scores, 1), boxes=found.boxes, masks=found.masks
    )


def test_multitask_has_three_parts_in_order():
    truth, found = picture("pose17", 0)
    masks = np.zeros((max(len(truth), len(found)), 8, 8), np.uint8)
    masks[:, 2:5, 2:5] = 1
    truth = Truth(classes=truth.classes, boxes=truth.boxes, keypoints=truth.keypoints, masks=masks[: len(truth)])
    found = Detected(
        classes=found.classes, scores=found.scores, boxes=found.boxes, keypoints=found.keypoints,
        masks=masks[: len(found)],
    )  # fmt: skip
    evaluator = Evaluator("multitask", NAMES, sigmas("pose17"))
    matches = evaluator.add([truth], [found], ["0.jpg"])[0]
    np.testing.assert_array_equal(matches["pose"], arrays("pose17")["00/tp_p"])
    metrics = evaluator.metrics()
    assert list(metrics.parts) == list(matches) == ["box", "seg", "pose"]
    assert metrics.fitness == metrics.box.map + metrics.seg.map + metrics.pose.map
    assert [key[-2] for key in metrics.keys] == list("BBBBMMMMPPPP")


def test_sigmas_are_recorded_with_the_scores():
    choice = resolve_sigmas(COCO_PERSON)
    assert Evaluator("pose", {0: "person"}, choice).metrics().sigmas is choice
    assert Evaluator("pose", {0: "person"}, [0.1, 0.2]).metrics().sigmas == (0.1, 0.2)


def test_memory_is_a_few_bytes_per_detection():
    evaluator = Evaluator("segment", {0: "thing"})
    masks = np.ones((100, 160, 160), np.uint8)
    boxes = np.tile(np.array([[0, 0, 10, 10]], np.float32), (100, 1))
    zeros = np.zeros(100, np.int64)
    truth = Truth(classes=zeros[:1], boxes=boxes[:1], masks=masks[:1])
    found = Detected(classes=zeros, boxes=boxes, masks=masks, scores=np.linspace(1, 0, 100, dtype=np.float32))
    evaluator.add([truth], [found], ["0.jpg"])
    assert len(pickle.dumps(evaluator)) < 100 * 12 + 3000


def test_mistakes_are_named():
    with pytest.raises(UnknownChoiceError, match="'poes' is none of detect, segment, pose, multitask"):
        Evaluator("poes", NAMES)
    with pytest.raises(SettingError, match="'pose' scores keypoints, which needs sigmas"):
        Evaluator("pose", NAMES)
    with pytest.raises(DatasetError, match=r"1\.jpg: a label has class 7, but the model has 4 classes"):
        detect((truth_of(0), found_of()), (truth_of(1, 7), found_of()))
    with pytest.raises(ValueError, match=r"0\.jpg: detections are not sorted"):
        detect((truth_of(0), found_of(0, 1, scores=[0.1, 0.2])))
    with pytest.raises(ValueError, match="1 truths, 0 founds, 1 file names, 1 positions"):
        Evaluator("detect", NAMES).add([truth_of()], [], ["a.jpg"])
    with pytest.raises(SettingError, match="cannot be merged"):
        Evaluator("detect", NAMES).merge(Evaluator("segment", NAMES))


def test_a_refused_batch_leaves_no_trace():
    evaluator = detect((truth_of(0), found_of(0)))
    with pytest.raises(DatasetError):
        evaluator.add([truth_of(9)], [found_of(0)], ["bad.jpg"])
    assert evaluator.metrics().results_dict == detect((truth_of(0), found_of(0))).metrics().results_dict
    assert evaluator.seen == 1
    assert evaluator.metrics().confusion_matrix.matrix.sum() == 1


TWO_NAMES = {0: "person", 1: "car"}
TWO_SIGMAS = (0.1, 0.1)
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


def part_truth(classes, *, outlined, labelled):
    boxes = boxes_of(len(classes))
    return Truth(
        classes=np.array(classes),
        boxes=boxes,
        keypoints=points_of(boxes) * np.array(labelled, np.float32)[:, None, None],
        masks=masks_of(boxes) * np.array(outlined, np.uint8)[:, None, None],
        outlined=np.array(outlined),
    )


def part_found(classes, *, wrong=()):
    boxes = boxes_of(len(classes))
    masks, points = masks_of(boxes), points_of(boxes)
    for place in wrong:
        masks[place] = 0
        points[place, :, :2] += 100
    scores = np.linspace(0.9, 0.5, len(classes)).astype(np.float32)
    return Detected(classes=np.array(classes), scores=scores, boxes=boxes, keypoints=points, masks=masks)


def score(*pictures):
    evaluator = Evaluator("multitask", TWO_NAMES, TWO_SIGMAS)
    for number, (labels, detections) in enumerate(pictures):
        evaluator.add([labels], [detections], [f"{number}.jpg"])
    return evaluator.metrics()


def test_what_is_said_of_unknown_parts_changes_nothing():
    """Object 1 has no outline, object 2 no keypoints; what the network says there is wild."""
    labels = part_truth([0, 0, 0], outlined=[True, False, True], labelled=[True, True, False])
    tame, wild = part_found([0, 0, 0]), part_found([0, 0, 0], wrong=(1, 2))
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
    labels = part_truth([0, 0], outlined=[True, False], labelled=[True, True])
    metrics = score((labels, part_found([0, 0], wrong=(0,))))
    assert metrics.box.map == pytest.approx(0.995)
    assert metrics.seg.map == 0
    assert metrics.pose.map < 0.6


def test_a_detection_beside_every_object_is_wrong_for_all_parts():
    labels = part_truth([0], outlined=[False], labelled=[False])
    other = part_truth([0], outlined=[True], labelled=[True])
    far = part_found([0, 0])
    astray = Detected(
        classes=far.classes[1:], scores=far.scores[1:], boxes=far.boxes[1:] + 50, keypoints=far.keypoints[1:] + 50,
        masks=np.zeros((1, *other.masks.shape[1:]), np.uint8),
    )  # fmt: skip
    metrics = score((labels, astray), (other, part_found([0])))
    for part in metrics.parts.values():
        assert part.image_metrics["0.jpg"]["fp"] == 1
    assert metrics.seg.image_metrics["0.jpg"]["fn"] == 0


def test_classes_without_keypoints_are_no_part_of_the_pose_scores():
    labels = part_truth([0, 1], outlined=[True, True], labelled=[True, False])
    metrics = score((labels, part_found([0, 1])))
    assert metrics.pose.ap_class_index.tolist() == [0]
    assert metrics.pose.map == metrics.box.map == pytest.approx(0.995)
    assert np.isnan(metrics.class_result(1)[-4:]).all()
    assert not np.isnan(metrics.class_result(0)).any()
    assert metrics.summary()[1]["Pose-P"] is None
    assert rows(metrics, per_class=True)[2].split()[-4:] == ["-"] * 4
    assert metrics.pose.maps.tolist() == pytest.approx([0.995, 0.995])


def test_processes_may_share_the_work():
    labels = part_truth([0, 0, 1], outlined=[True, False, True], labelled=[False, True, False])
    whole = score(*[(labels, part_found([0, 0, 1], wrong=(place,))) for place in range(3)])
    parts = []
    for place in (2, 0, 1):
        part = Evaluator("multitask", TWO_NAMES, TWO_SIGMAS)
        part.add([labels], [part_found([0, 0, 1], wrong=(place,))], [f"{place}.jpg"], [place])
        parts.append(part)
    for part in parts[1:]:
        parts[0].merge(part)
    assert parts[0].metrics().results_dict == whole.results_dict
    for name in ("seg", "pose"):
        assert parts[0].metrics().parts[name].image_metrics == whole.parts[name].image_metrics
