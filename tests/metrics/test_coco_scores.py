"""Official COCO numbers: the recorded ones, and those of COCO's own evaluator on random data.

Classes with different numbers of keypoints, padded to the largest, score as each class alone with its own points.
"""

import copy
import gzip
import json
import logging
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics.coco_cases import HEIGHT, WIDTH, box_mask, near, official, only, random_case, random_object
from posekit import metrics
from posekit.data.labels import PictureLabels
from posekit.errors import DatasetError
from posekit.metrics import coco as coco_evaluator
from posekit.metrics import coco_scores
from posekit.metrics.coco import BOX_STATS, KEYPOINT_STATS, CocoCollector, coco_metrics_dict
from posekit.metrics.coco_rows import prediction_rows
from posekit.metrics.coco_truth import read_truth, truth_from_labels
from posekit.metrics.evaluator import Evaluator
from posekit.metrics.parts import Truth
from posekit.metrics.similarity import oks
from posekit.results.detected import Detected
from posekit.schema.schema import COCO_PERSON

GOLDEN = Path(__file__).parents[1] / "golden" / "val"
RFDETR = json.loads(gzip.decompress((GOLDEN.parent / "rfdetr" / "average_precision.json.gz").read_bytes()))
KINDS = ("bbox", "segm", "keypoints")


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())


RECORDED = golden("coco_stats")


@pytest.mark.parametrize("case", RECORDED)
def test_recorded_numbers(case):
    name, kind = case.split("/")
    data, recorded = name.removesuffix("_custom_sigmas"), RECORDED[case]
    truth, rows = GOLDEN / f"{data}_gt.json", golden(f"{data}_dt")
    scores = coco_scores(truth, rows, kinds=[kind], sigmas=recorded.get("sigmas"), area_from_box=True)[kind]
    assert list(scores.stats) == list(KEYPOINT_STATS if kind == "keypoints" else BOX_STATS)
    np.testing.assert_allclose(list(scores.stats.values()), recorded["stats"], rtol=0, atol=1e-6)
    if kind == "keypoints":
        np.testing.assert_allclose(scores.thresholds, recorded["precision_mean_per_threshold"], rtol=0, atol=1e-6)
        assert scores.sigmas == tuple(recorded["sigmas"])


@pytest.mark.parametrize("case", [case for case in RECORDED if case.endswith("keypoints")])
def test_recorded_oks_is_that_of_the_validator_where_the_area_is_the_annotations(case):
    name = case.split("/")[0].removesuffix("_custom_sigmas")
    recorded = RECORDED[case]["oks_of_one_image"]
    here = (recorded["image_id"], recorded["category_id"])
    objects = [o for o in golden(f"{name}_gt")["annotations"] if (o["image_id"], o["category_id"]) == here]
    rows = [row for row in golden(f"{name}_dt") if (row["image_id"], row["category_id"]) == here]
    rows = sorted(rows, key=lambda row: -row["score"])[:20]
    sides = np.array([[0, 0, o["area"] / 0.53, 1] for o in objects], np.float32)  # boxes of that area
    points, found = (np.array([o["keypoints"] for o in some], np.float32) for some in (objects, rows))
    count = len(RECORDED[case]["sigmas"])
    similarities = oks(
        points.reshape(-1, count, 3), sides, found.reshape(-1, count, 3), np.array(RECORDED[case]["sigmas"], np.float32)
    )
    labelled = [place for place, o in enumerate(objects) if o["num_keypoints"]]
    assert labelled
    np.testing.assert_allclose(similarities.T[:, labelled], np.array(recorded["oks"])[:, labelled], atol=1e-5)


def test_rows_with_boxes_score_like_rows_without():
    truth, rows = golden("coco17_gt"), golden("coco17_dt")
    both = coco_scores(truth, rows, kinds=["keypoints"])["keypoints"].stats
    assert both == coco_scores(truth, only(rows, "keypoints"), kinds=["keypoints"])["keypoints"].stats
    assert both != coco_scores(truth, rows, kinds=["keypoints"], area_from_box=True)["keypoints"].stats


def assert_official(scores, evaluator, truth):
    np.testing.assert_allclose(list(scores.stats.values()), evaluator.stats, rtol=0, atol=1e-12)
    precision = evaluator.eval["precision"][:, :, :, 0, -1]
    per_category = [
        values[values > -1].mean() if (values > -1).any() else -1 for values in np.moveaxis(precision, 2, 0)
    ]
    ids = sorted(category["id"] for category in truth["categories"])
    assert scores.per_category == pytest.approx(dict(zip(ids, per_category, strict=True)), abs=1e-12)


def spread(seed, points):
    return np.random.default_rng(seed).uniform(0.02, 0.2, points).tolist()


@settings(max_examples=500, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    points=st.sampled_from([1, 2, 5, 17, 21]),
    decimals=st.sampled_from([1, 2, 6]),
    kind=st.sampled_from(KINDS),
    with_boxes=st.booleans(),
)
def test_scores_equal_the_official_evaluators(seed, points, decimals, kind, with_boxes):
    truth, rows = random_case(seed, points=points, decimals=decimals)
    sigmas = spread(seed, points) if kind == "keypoints" else None
    seen = rows if with_boxes else only(rows, kind)
    scores = coco_scores(truth, rows, kinds=[kind], sigmas=sigmas, area_from_box=with_boxes)[kind]
    assert_official(scores, official(truth, seen, kind, sigmas=sigmas), truth)


@settings(max_examples=25, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["bbox", "keypoints"]))
def test_more_detections_than_the_limit_equal_the_official_evaluators(seed, kind):
    truth, rows = random_case(seed, points=5, decimals=2, crowded=True)
    sigmas = spread(seed, 5) if kind == "keypoints" else None
    scores = coco_scores(truth, rows, kinds=[kind], sigmas=sigmas)[kind]
    assert_official(scores, official(truth, only(rows, kind), kind, sigmas=sigmas), truth)


@settings(max_examples=60, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(KINDS))
def test_only_the_pictures_asked_for_count(seed, kind):
    truth, rows = random_case(seed, points=3, decimals=6)
    some = [image["id"] for image in truth["images"]][::2]
    scores = coco_scores(truth, rows, kinds=[kind], sigmas=[0.1] * 3, image_ids=some)[kind]
    sigmas = [0.1] * 3 if kind == "keypoints" else None
    assert_official(scores, official(truth, only(rows, kind), kind, sigmas=sigmas, image_ids=some), truth)


@pytest.mark.parametrize("kind", KINDS)
def test_without_detections_scores_are_zero_where_there_is_truth_and_minus_one_elsewhere(kind):
    truth, _ = random_case(3, points=17, decimals=6)
    small = {"bbox": [0, 0, 9, 9], "area": 50, "segmentation": [[0, 0, 9, 0, 9, 9]], "iscrowd": 0}
    small |= {"keypoints": [5, 5, 2] * 17, "num_keypoints": 17}
    truth["annotations"] = [truth["annotations"][0] | small]
    scores = coco_scores(truth, [], kinds=[kind])[kind]
    sigmas = COCO_PERSON.oks_sigmas if kind == "keypoints" else None
    assert_official(scores, official(truth, [], kind, sigmas=sigmas), truth)
    assert scores.stats["AP"] == 0
    assert scores.stats["APl"] == -1


@pytest.mark.parametrize("with_rows", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_without_truth_every_score_is_minus_one(kind, with_rows):
    truth, rows = random_case(3, points=17, decimals=6)
    truth["annotations"] = []
    scores = coco_scores(truth, rows if with_rows else [], kinds=[kind])[kind]
    assert set(scores.stats.values()) == {-1.0}
    no_categories = coco_scores(truth | {"categories": []}, rows if with_rows else [], kinds=[kind])[kind]
    assert set(no_categories.stats.values()) == {-1.0}
    nothing = {"images": [], "categories": [], "annotations": []}
    assert set(coco_scores(nothing, [], kinds=[kind])[kind].stats.values()) == {-1.0}


def test_text_ids_float_ids_and_ids_of_zero_change_nothing():
    truth, rows = random_case(11, points=2, decimals=6)
    expected = coco_scores(truth, rows, sigmas=[0.1, 0.1])
    for entry in truth["annotations"]:
        entry |= {"id": 0, "image_id": f"p{entry['image_id']}"}
        entry["category_id"] = float(entry["category_id"])
    truth["images"] = [image | {"id": f"p{image['id']}"} for image in sorted(truth["images"], key=lambda i: i["id"])]
    renamed = [row | {"image_id": f"p{row['image_id']}"} for row in rows]
    assert coco_scores(truth, renamed, sigmas=[0.1, 0.1]) == expected


def test_rows_find_their_picture_by_file_name_first():
    truth = golden("coco5_gt")
    shifted = {image["id"]: number for number, image in enumerate(truth["images"], 1)}
    files = {image["id"]: f"cam_{image['id']}.png" for image in truth["images"]}
    rows = [
        row | {"file_name": files[row["image_id"]], "image_id": files[row["image_id"]][:-4]}
        for row in golden("coco5_dt")
    ]
    other = copy.deepcopy(truth)
    other["images"] = [i | {"id": shifted[i["id"]], "file_name": f"a/{files[i['id']]}"} for i in truth["images"]]
    other["annotations"] = [a | {"image_id": shifted[a["image_id"]]} for a in truth["annotations"]]
    assert coco_scores(other, rows, sigmas=[0.2] * 5) == coco_scores(truth, golden("coco5_dt"), sigmas=[0.2] * 5)


def test_the_order_in_which_pictures_are_collected_and_merged_changes_nothing():
    truth, rows = random_case(5, points=17, decimals=1)
    read = read_truth(truth, outlines=True)
    expected = coco_scores(truth, rows, kinds=KINDS)
    images = [image["id"] for image in truth["images"]]
    random.Random(0).shuffle(images)
    collectors = [CocoCollector(read, KINDS), CocoCollector(read, KINDS)]
    for place, image in enumerate(images):
        mine = [row for row in rows if row["image_id"] == image]
        collectors[place % 2].add_rows(read.index.number(image), mine)
        collectors[0].add_rows(read.index.number(image), mine)  # a picture that two processes saw counts once
    collectors[0].merge(collectors[1].kept())
    assert collectors[0].scores() == expected


def test_arrays_score_to_the_last_bit_like_their_rows():
    """Every number of `predictions.json` is the one that is scored, rounding included."""
    rng = np.random.default_rng(3)
    truth, _ = random_case(5, points=17, decimals=6)
    ids = {0: 1, 1: 4, 2: 7, 3: 99}  # the truth has no category 99
    collector, rows = CocoCollector(read_truth(truth, outlines=True), KINDS, category_ids=ids), []
    for image in truth["images"]:
        objects = [entry for entry in truth["annotations"] if entry["image_id"] == image["id"]]
        boxes = np.array([entry["bbox"] for entry in objects], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        points = np.array([entry["keypoints"] for entry in objects], np.float32).reshape(-1, 17, 3)
        found = Detected(
            classes=np.array([rng.choice([entry["category_id"] // 3, 3], p=[0.9, 0.1]) for entry in objects], np.int64),
            scores=rng.random(len(objects)).astype(np.float32),
            boxes=boxes + rng.normal(0, 2, boxes.shape).astype(np.float32),
            keypoints=points + rng.normal(0, 2, points.shape).astype(np.float32),
            masks=np.array([box_mask(*entry["bbox"]) for entry in objects], np.uint8).reshape(-1, HEIGHT, WIDTH),
        )
        collector.add(image["file_name"], found)
        parts = (found.boxes, found.scores, found.classes, found.keypoints, found.masks)
        rows += prediction_rows(image["file_name"], *parts, ids)
    scores = collector.scores()
    assert scores == coco_scores(truth, json.loads(json.dumps(rows)), kinds=KINDS)
    assert all(result.stats["AP"] > 0 for result in scores.values())


@settings(max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(KINDS))
def test_handing_the_evaluator_few_pictures_at_a_time_changes_nothing(seed, kind, monkeypatch):
    monkeypatch.setattr(coco_evaluator, "PICTURES_AT_ONCE", 1)
    truth, rows = random_case(seed, points=2, decimals=1)
    sigmas = [0.1] * 2 if kind == "keypoints" else None
    scores = coco_scores(truth, rows, kinds=[kind], sigmas=sigmas)[kind]
    assert_official(scores, official(truth, only(rows, kind), kind, sigmas=sigmas), truth)


def test_keys_of_metrics():
    truth, rows = random_case(7, points=17, decimals=6)
    scores = coco_scores(truth, rows, kinds=KINDS)
    metrics = coco_metrics_dict(scores)
    small = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR")
    assert list(metrics) == [
        *(f"metrics/COCO-{name}(B)" for name in small),
        *(f"metrics/COCO-{name}(M)" for name in small),
        *(f"metrics/COCO-{name}(P)" for name in small if name != "APs"),
    ]
    assert metrics["metrics/COCO-AR(B)"] == scores["bbox"].stats["AR100"]
    assert metrics["metrics/COCO-APm(P)"] == scores["keypoints"].stats["APm"]


def test_keypoints_as_pairs_score_like_triplets():
    truth, rows = random_case(7, points=17, decimals=6)
    pairs = [row | {"keypoints": np.array(row["keypoints"]).reshape(-1, 3)[:, :2].ravel().tolist()} for row in rows]
    kinds = ["keypoints"]
    assert coco_scores(truth, pairs, kinds=kinds) == coco_scores(truth, rows, kinds=kinds)


@pytest.mark.parametrize(
    ("sigmas", "points", "message"),
    [
        ([0.1] * 4, 5, "5 keypoints per object, but there are 4 OKS sigmas"),
        (None, 5, "5 keypoints per object, but there are 17 OKS sigmas"),
        ([0.1, 0.1, 0], 3, "above 0"),
        ([0.1, 0.1, float("nan")], 3, "above 0"),
    ],
)
def test_sigmas_that_do_not_fit_are_refused(sigmas, points, message):
    truth, rows = random_case(1, points=points, decimals=6)
    with pytest.raises(DatasetError, match=message):
        coco_scores(truth, rows, sigmas=sigmas)


def test_truth_without_keypoints_is_refused_for_keypoints():
    truth, rows = random_case(1, points=2, decimals=6)
    for entry in truth["annotations"]:
        del entry["keypoints"]
    with pytest.raises(DatasetError, match="no object of the COCO truth has any"):
        coco_scores(truth, rows, kinds=["keypoints"], sigmas=[0.1] * 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 999}, "picture 999 is not among"),
        ({"image_id": [1]}, "is not among"),
        ({"bbox": [1, 2, 3]}, "'bbox' of every row must be a list of 4 numbers"),
        ({"bbox": [1, 2, 3, {}]}, "'bbox' of every row must be a list of 4 numbers"),
        ({"score": "high"}, "'score' of every row must be a number"),
        ({"score": None}, "left out"),
        ({"keypoints": [1, 2, 3]}, "keypoints"),
        ({"keypoints": "none"}, "keypoints"),
        ({"segmentation": "none"}, "run-length encoded"),
        ({"segmentation": {"size": [9, 9], "counts": [900]}}, "run-length encoded"),
    ],
)
def test_malformed_rows_are_named(change, message, caplog):
    truth, rows = random_case(7, points=17, decimals=6)
    first = [rows[0] | change]
    if message == "left out":
        caplog.set_level(logging.WARNING)
        assert coco_scores(truth, first, kinds=KINDS)["bbox"].stats["AP"] == 0
        assert "1 detections with NaN or infinite numbers are left out" in caplog.text
    else:
        with pytest.raises(DatasetError, match=message):
            coco_scores(truth, first, kinds=KINDS)


@pytest.mark.parametrize("row", [[], 7, {}, {"image_id": 1}])
def test_things_that_are_no_rows_are_named(row):
    truth, _ = random_case(7, points=17, decimals=6)
    truth["images"][0]["id"] = 1
    with pytest.raises(DatasetError, match="predictions"):
        coco_scores(truth, [row])


def test_unknown_kinds_and_missing_outlines_are_refused():
    truth, _ = random_case(7, points=17, decimals=6)
    with pytest.raises(DatasetError, match="no protocol 'boxes'; it has bbox, segm, keypoints"):
        coco_scores(truth, [], kinds=["boxes"])
    with pytest.raises(DatasetError, match="without outlines"):
        CocoCollector(read_truth(truth), ["segm"])


@pytest.mark.parametrize("kind", ["bbox", "keypoints"])
@pytest.mark.parametrize("case", RFDETR)
def test_recorded_numbers_of_rfdetr(case, kind, tmp_path):
    recorded = RFDETR[case]
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps(recorded["ground_truth"]))
    sigmas = recorded["sigmas"] if kind == "keypoints" else None
    scores = coco_scores(truth, recorded["predictions"], kinds=[kind], sigmas=sigmas)[kind]
    np.testing.assert_allclose(list(scores.stats.values()), recorded["stats"][kind], rtol=0, atol=1e-6)


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
        scale = np.array((WIDTH, HEIGHT), np.float32)
        centres = np.hstack([boxes[:, :2] + boxes[:, 2:], 2 * (boxes[:, 2:] - boxes[:, :2])]) / 2
        pictures.append(
            PictureLabels(
                path=image["file_name"],
                size=(HEIGHT, WIDTH),
                classes=classes,
                boxes=(centres / np.tile(scale, 2)).astype(np.float32),
                keypoints=(points / [*scale, 1]).astype(np.float32),
            )
        )
    made = truth_from_labels(pictures, NAMES, SCHEMA)
    scores = coco_scores(made, [padded(row) for row in rows], kinds=["keypoints"], sigmas=SIGMAS)["keypoints"]
    # Labels are fractions in float32: their pixels are those of the truth up to roundings.
    by_picture = sorted(truth["annotations"], key=lambda entry: entry["image_id"])
    for entry, label in zip(by_picture, made["annotations"], strict=True):
        assert label["bbox"] == pytest.approx(entry["bbox"], abs=1e-4)
        entry |= {"iscrowd": 0, "area": 0.53 * label["bbox"][2] * label["bbox"][3], "bbox": label["bbox"]}
        if entry["keypoints"]:
            assert label["keypoints"] == pytest.approx(entry["keypoints"], abs=1e-4)
            entry["keypoints"] = label["keypoints"]
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


def test_the_package_offers_the_scores_and_names_what_it_lacks():
    with pytest.raises(AttributeError, match=r"'posekit\.metrics' has no attribute 'coco_score'"):
        _ = metrics.coco_score
