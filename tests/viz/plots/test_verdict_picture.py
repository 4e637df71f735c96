"""Pictures that tell right from wrong and missing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import ShapeError
from posekit.schema.schema import COCO_PERSON
from posekit.viz.mosaics import (
    FALSE_POSITIVE,
    GROUND_TRUTH,
    MISSED,
    TRUE_POSITIVE,
    Verdict,
    draw_verdict,
    save_verdict_picture,
)
from viz.pixels import count_color, read

SIZE = (480, 640)
GREY = np.full((*SIZE, 3), 90, np.uint8)
LEFT, RIGHT = [40, 60, 240, 400], [350, 60, 600, 400]


def verdict(*, true=(), missed=(), found=(), correct=(), **more):
    return Verdict(
        true_boxes=np.array(true, np.float32).reshape(-1, 4),
        missed=np.array(missed, bool),
        found_boxes=np.array(found, np.float32).reshape(-1, 4),
        correct=np.array(correct, bool),
        **more,
    )


def seen(one):
    """Return how many pixels of the picture itself, without legend, show each verdict."""
    drawn = draw_verdict(GREY, one)[: SIZE[0]]
    return [count_color(drawn, color, 0) for color in (GROUND_TRUTH, TRUE_POSITIVE, FALSE_POSITIVE, MISSED)]


def test_each_verdict_has_its_color():
    right = seen(verdict(found=[LEFT], correct=[True]))
    wrong = seen(verdict(found=[LEFT], correct=[False]))
    missed = seen(verdict(true=[LEFT], missed=[True]))
    matched = seen(verdict(true=[LEFT], missed=[False]))
    counts = np.array([matched, right, wrong, missed])
    np.testing.assert_array_equal(counts > 0, np.eye(4, dtype=bool))


def test_labels_are_dashed_and_finds_are_not():
    dashed = seen(verdict(true=[LEFT], missed=[True]))[3]
    solid = seen(verdict(found=[LEFT], correct=[True]))[1]
    assert 0.4 < dashed / solid < 0.8


def test_all_verdicts_are_seen_together():
    both = verdict(
        true=[LEFT, RIGHT],
        missed=[False, True],
        found=[np.add(LEFT, 8), [260, 10, 330, 50]],
        correct=[True, False],
        true_labels=["person", "dog"],
        found_labels=["person 0.9", "cat 0.3"],
    )
    assert min(seen(both)) > 200


def test_keypoints_have_the_color_of_their_object():
    points = np.array([[[100 + 5 * i, 100 + 15 * i, 2] for i in range(17)]], np.float32)
    parts = {"found": [LEFT], "correct": [False], "schema": COCO_PERSON}
    with_points, without = (seen(verdict(**parts, found_keypoints=k))[2] for k in (points, None))
    assert with_points > without + 500


def test_the_legend_stands_below_the_picture():
    drawn = draw_verdict(GREY, verdict())
    assert drawn.shape[0] > SIZE[0] + 20
    assert drawn.shape[1] == SIZE[1]
    np.testing.assert_array_equal(drawn[: SIZE[0]], GREY)
    for color in (GROUND_TRUTH, TRUE_POSITIVE, FALSE_POSITIVE, MISSED):
        assert count_color(drawn[SIZE[0] :], color) > 30


def test_small_pictures_are_enlarged_and_written(tmp_path):
    save_verdict_picture(GREY[:30, :40], verdict(found=[[5, 5, 20, 20]], correct=[True]), tmp_path / "v" / "a.jpg")
    assert read(tmp_path / "v" / "a.jpg").shape[1] == 640


def test_a_narrow_picture_has_a_legend_of_several_lines():
    assert draw_verdict(np.zeros((900, 60, 3), np.uint8), verdict()).shape[1] == 60


numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=4))
def test_boxes_of_any_numbers_are_drawn(boxes):
    one = verdict(true=boxes, missed=[True] * len(boxes), found=boxes, correct=[False] * len(boxes))
    assert draw_verdict(GREY[:64, :64], one).shape[1] == 640


def test_lengths_that_do_not_fit_are_named():
    with pytest.raises(ShapeError, match="true boxes"):
        verdict(true=[LEFT], missed=[])
    with pytest.raises(ShapeError, match=r"found boxes.*2 labels"):
        verdict(found=[LEFT], correct=[True], found_labels=["a", "b"])
    with pytest.raises(ShapeError, match="2 found keypoint rows"):
        verdict(found=[LEFT], correct=[True], found_keypoints=np.zeros((2, 17, 3), np.float32))
