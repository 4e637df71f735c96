"""Classes with different numbers of keypoints, padded to the largest, score as each class alone with its own points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.coco_cases import HEIGHT, WIDTH, near, official, only, random_object
from posekit.metrics.coco import coco_scores
from posekit.metrics.coco_truth import PictureObjects, truth_from_arrays
from posekit.metrics.evaluator import Evaluator
from posekit.metrics.parts import Truth
from posekit.metrics.similarity import oks
from posekit.results.detected import Detected
from posekit.schema.schema import COCO_PERSON

PERSON, DOG, CAR = 0, 1, 2
NAMES = {PERSON: "person", DOG: "dog", CAR: "car"}
POINTS = {PERSON: 17, DOG: 5, CAR: 0}
K = max(POINTS.values())
SIGMAS = COCO_PERSON.oks_sigmas
SCHEMA = COCO_PERSON.for_classes({label: count for label, count in POINTS.items() if count})


def random_scene(seed, decimals=6):
    """Return COCO truth and rows of three classes, each with its own number of points."""
    rng = np.random.default_rng(seed)
    images = [{"id": i, "width": WIDTH, "height": HEIGHT, "file_name": f"{i:05d}.jpg"} for i in range(1, 5)]
    categories = [category_of(label) for label in NAMES]
    annotations, rows = [], []
    for image in images:
        for _ in range(int(rng.integers(1, 7))):
            category = categories[rng.integers(3)]
            labelled = random_object(rng, image, [category], POINTS[category["id"] - 1])
            annotations.append(labelled | {"id": len(annotations) + 1})
            rows += [near(rng, labelled, [category]) for _ in range(int(rng.integers(0, 4)))]
    rng.shuffle(rows)
    for row in rows:
        row["score"] = round(float(rng.random()), decimals)
    return {"images": images, "categories": categories, "annotations": annotations}, rows


def category_of(label):
    category = {"id": label + 1, "name": NAMES[label]}
    return category | ({"keypoints": list(COCO_PERSON.names[: POINTS[label]])} if POINTS[label] else {})


def padded(entry):
    """Return an object or a row as posekit holds it: K points, 0 0 0 where its class has none."""
    return entry | {"keypoints": entry["keypoints"] + [0.0] * (3 * K - len(entry["keypoints"]))}


def of_class(entries, label):
    return [entry for entry in entries if entry["category_id"] == label + 1]


def is_scored(entry):
    return entry["num_keypoints"] > 0 and not entry["iscrowd"]


def stats_of_class(truth, rows, label):
    """Return the numbers of pycocotools for one class, which knows nothing of the others."""
    alone = truth | {"categories": [category_of(label)], "annotations": of_class(truth["annotations"], label)}
    found = only(of_class(rows, label), "keypoints")
    return official(alone, found, "keypoints", sigmas=SIGMAS[: POINTS[label]]).stats


def assert_mean_of_classes(scores, truth, rows):
    by_class = {label: stats_of_class(truth, rows, label) for label in (PERSON, DOG)}
    table = np.array(list(by_class.values()))
    known = table > -1
    expected = np.where(known.any(0), np.where(known, table, 0).sum(0) / np.maximum(known.sum(0), 1), -1)
    np.testing.assert_allclose(list(scores.stats.values()), expected, rtol=0, atol=1e-12)
    first = {label + 1: stats[0] for label, stats in by_class.items()}
    assert scores.per_category == pytest.approx(first | {CAR + 1: -1}, abs=1e-12)


@settings(max_examples=60, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), decimals=st.sampled_from([1, 6]), lists=st.sampled_from(["own", "all", "both"]))
def test_official_numbers_are_the_means_of_the_classes_alone(seed, decimals, lists):
    """A COCO file may give each object the points of its class, or as many as the class with most of them has."""
    truth, rows = random_scene(seed, decimals)
    stated = [
        padded(entry) if lists == "all" or (lists == "both" and place % 2) else entry
        for place, entry in enumerate(truth["annotations"])
    ]
    found = [padded(row) for row in rows]
    scores = coco_scores(truth | {"annotations": stated}, found, kinds=["keypoints"], sigmas=SIGMAS)["keypoints"]
    assert_mean_of_classes(scores, truth, rows)


def test_most_objects_may_be_of_the_class_with_fewer_points():
    truth, rows = random_scene(1)
    dogs = of_class(truth["annotations"], DOG)
    persons = [entry for entry in of_class(truth["annotations"], PERSON) if is_scored(entry)]
    truth["annotations"] = [*dogs, *persons[:1]]
    assert len(dogs) > len(persons[:1]) > 0
    found = [padded(row) for row in rows]
    scores = coco_scores(truth, found, kinds=["keypoints"], sigmas=SIGMAS)["keypoints"]
    assert scores.per_category[PERSON + 1] > -1
    assert_mean_of_classes(scores, truth, rows)


def arrays_of(entries):
    """Return classes (M,), corners (M, 4) and padded points (M, K, 3) of objects or rows."""
    boxes = np.array([entry["bbox"] for entry in entries], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    points = np.array([padded(entry)["keypoints"] for entry in entries], np.float64).reshape(-1, K, 3)
    return np.array([entry["category_id"] - 1 for entry in entries], np.int64), boxes, points


@settings(max_examples=30, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_truth_from_labels_scores_so_too(seed):
    """Labels of one width for all: the schema tells which of the points are padding."""
    truth, rows = random_scene(seed)
    pictures = []
    for image in truth["images"]:
        classes, boxes, points = arrays_of(
            [entry for entry in truth["annotations"] if entry["image_id"] == image["id"]]
        )
        pictures.append(
            PictureObjects(
                file_name=image["file_name"], size=(HEIGHT, WIDTH), classes=classes, boxes=boxes, keypoints=points
            )
        )
    made = truth_from_arrays(pictures, NAMES, schema=SCHEMA)
    scores = coco_scores(made, [padded(row) for row in rows], kinds=["keypoints"], sigmas=SIGMAS)["keypoints"]
    for entry in truth["annotations"]:
        entry |= {"iscrowd": 0, "area": 0.53 * entry["bbox"][2] * entry["bbox"][3]}
    assert_mean_of_classes(scores, truth, rows)


def picture_of(truth, rows, image, *, points, classes):
    """Return labels and detections of one picture as the validator sees them: of some classes, with some points."""
    objects = [entry for entry in truth["annotations"] if entry["image_id"] == image["id"]]
    objects = [entry for entry in objects if entry["category_id"] - 1 in classes]
    own = [row for row in rows if row["image_id"] == image["id"] and row["category_id"] - 1 in classes]
    own = sorted(own, key=lambda row: -row["score"])
    of_objects, of_rows = ([array.astype(np.float32) for array in arrays_of(some)] for some in (objects, own))
    labels = Truth(
        classes=of_objects[0].astype(np.int64),
        boxes=of_objects[1],
        keypoints=of_objects[2][:, :points],
        masks=np.zeros((len(objects), 4, 4), np.uint8),
        outlined=np.zeros(len(objects), np.bool_),
    )
    found = Detected(
        classes=of_rows[0].astype(np.int64),
        scores=np.array([row["score"] for row in own], np.float32),
        boxes=of_rows[1],
        keypoints=of_rows[2][:, :points],
        masks=np.zeros((len(own), 4, 4), np.uint8),
    )
    return labels, found


def validated(truth, rows, *, points, classes):
    """Return the pose scores of the validator."""
    evaluator = Evaluator("multitask", NAMES, SIGMAS[:points])
    pictures = [picture_of(truth, rows, image, points=points, classes=classes) for image in truth["images"]]
    labels, found = zip(*pictures, strict=True)
    evaluator.add(labels, found, [image["file_name"] for image in truth["images"]])
    return evaluator.metrics().pose


@settings(max_examples=60, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), decimals=st.sampled_from([1, 6]))
def test_scores_of_the_validator_are_those_of_each_class_alone(seed, decimals):
    truth, rows = random_scene(seed, decimals)
    together = validated(truth, rows, points=K, classes=list(NAMES))
    alone = {label: validated(truth, rows, points=POINTS[label], classes=[label]) for label in (PERSON, DOG)}
    scored = [label for label, part in alone.items() if len(part.ap_class_index)]
    assert together.ap_class_index.tolist() == scored
    for row, label in enumerate(scored):
        np.testing.assert_array_equal(together.all_ap[row], alone[label].all_ap[0])
        np.testing.assert_array_equal(together.prec_values[row], alone[label].prec_values[0])
    expected = np.mean([alone[label].map for label in scored]) if scored else 0
    assert together.map == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("label", [PERSON, DOG])
def test_oks_of_padded_points_is_the_official_one_of_the_points_of_the_class(label):
    compared = 0
    for seed in range(30):
        truth, rows = random_scene(seed)
        labelled = [entry for entry in of_class(truth["annotations"], label) if is_scored(entry)]
        truth["annotations"] = [e | {"area": 0.53 * e["bbox"][2] * e["bbox"][3]} for e in labelled]
        alone = truth | {"categories": [category_of(label)]}
        found = only(of_class(rows, label), "keypoints")
        recorded = official(alone, found, "keypoints", sigmas=SIGMAS[: POINTS[label]]).ious if labelled else {}
        for image in truth["images"]:
            labels, detections = picture_of(truth, rows, image, points=K, classes=[label])
            if len(labels) and len(detections):
                ours = oks(labels.keypoints, labels.boxes, detections.keypoints, np.array(SIGMAS, np.float32))
                np.testing.assert_allclose(ours.T, recorded[image["id"], label + 1], atol=1e-5)
                compared += ours.size
    assert compared > 50
