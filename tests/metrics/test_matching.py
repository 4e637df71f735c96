import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.matched_pictures import CASES, PICTURES, arrays, evaluated
from posekit.metrics.matching import THRESHOLDS, match, unpack
from posekit.metrics.parts import Truth
from posekit.results.detected import Detected


def pictures(random, count):
    """Pictures with few distinct similarities, many of them equal or right at a threshold."""
    levels = np.concatenate([THRESHOLDS, np.nextafter(THRESHOLDS, np.float32(0)), np.float32([0, 0.2, 1])])
    for _ in range(count):
        m, n = random.integers(0, 6), random.integers(0, 12)
        yield (
            random.choice(levels, (m, n)).astype(np.float32),
            truth_of(random.integers(0, 2, m)),
            found_of(random.integers(0, 2, n)),
        )


def truth_of(classes):
    return Truth(classes=np.asarray(classes, np.int64), boxes=np.zeros((len(classes), 4), np.float32))


def found_of(classes):
    return Detected(
        classes=np.asarray(classes, np.int64),
        scores=np.linspace(1, 0, len(classes), dtype=np.float32),
        boxes=np.zeros((len(classes), 4), np.float32),
    )


def plain_match(similarity, truth, found):
    """The rule as it is told: one threshold, one detection after the other."""
    right = np.zeros((len(found), 10), bool)
    for t, threshold in enumerate(THRESHOLDS):
        free = set(range(len(truth)))
        for n in range(len(found)):
            same = [m for m in sorted(free) if truth.classes[m] == found.classes[n]]
            best = max(same, key=lambda m: similarity[m, n], default=None)  # the first of equal ones
            if best is not None and similarity[best, n] >= threshold:
                right[n, t] = True
                free.remove(best)
    return right


@settings(max_examples=300)
@given(st.integers(0, 2**32 - 1), st.integers(0, 8))
def test_matching_many_pictures_at_once_is_the_plain_rule_for_each(seed, count):
    random = np.random.default_rng(seed)
    given_pictures = list(pictures(random, count))
    expected = [plain_match(*one) for one in given_pictures]
    columns = [list(column) for column in zip(*given_pictures, strict=True)] or [[], [], []]
    np.testing.assert_array_equal(unpack(match(*columns)), np.concatenate([np.zeros((0, 10), bool), *expected]))


def test_a_crowd_of_detections_on_every_object_is_the_plain_rule():
    random = np.random.default_rng(0)
    one = random.uniform(0.45, 1, (8, 60)).astype(np.float32), truth_of([0] * 8), found_of([0] * 60)
    np.testing.assert_array_equal(unpack(match([one[0]], [one[1]], [one[2]])), plain_match(*one))


def test_of_equal_objects_the_first_is_taken():
    # At 0.5 the first detection takes the first object, so the second one, which meets no other, goes without.
    similarity = np.array([[0.8, 0.9], [0.8, 0.0]], np.float32)
    found, truth = found_of([0, 0]), truth_of([0, 0])
    assert unpack(match([similarity], [truth], [found]))[:, 0].tolist() == [True, False]
    assert unpack(match([similarity[::-1]], [truth], [found]))[:, 0].tolist() == [True, True]


def test_an_object_is_free_again_at_thresholds_that_its_detection_does_not_reach():
    similarity = np.array([[0.6, 0.9]], np.float32)
    right = unpack(match([similarity], [truth_of([0])], [found_of([0, 0])]))
    assert right.sum(0).tolist() == [1] * 9 + [0]
    assert right[0].sum() == 3  # 0.5, 0.55 and 0.6 itself


def test_nan_matches_nothing():
    similarity = np.full((1, 2), np.nan, np.float32)
    assert not match([similarity], [truth_of([0])], [found_of([0, 0])]).any()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch", [1, 5, PICTURES])
def test_matches_are_the_recorded_ones_in_batches_of_any_size(case, batch):
    _, part, key, _ = CASES[case]
    _, matches = evaluated(case, batch)
    assert len(matches) == PICTURES
    for number, right in enumerate(matches):
        np.testing.assert_array_equal(right["box"], arrays(case)[f"{number:02d}/tp"])
        np.testing.assert_array_equal(right[part], arrays(case)[f"{number:02d}/{key}"])
