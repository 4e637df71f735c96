from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.data.convert.merge_kpt_seg import match_boxes
from posekit.ops.boxes import exact_iou

corners = st.tuples(*[st.integers(0, 12)] * 4).map(
    lambda box: (min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3]))
)
boxes = st.lists(corners, max_size=4).map(lambda found: np.array(found, np.float32).reshape(-1, 4))


def counted_overlap(first, second):
    """Count unit squares."""

    def squares(box):
        x1, y1, x2, y2 = map(int, box)
        return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}

    a, b = squares(first), squares(second)
    return len(a & b) / len(a | b) if a | b else 0.0


@given(first=boxes, second=boxes)
def test_overlaps_are_those_of_counted_squares(first, second):
    expected = [[counted_overlap(a, b) for b in second] for a in first]
    np.testing.assert_allclose(exact_iou(first, second), np.reshape(expected, (len(first), len(second))))


@given(first=boxes, second=boxes, iou=st.sampled_from([0.01, 0.3, 0.5, 1.0]))
def test_no_other_one_to_one_matching_overlaps_more(first, second, iou):
    pairs = match_boxes(first, second, iou=iou)
    overlaps = exact_iou(first, second)
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
    assert all(overlaps[pair] >= iou for pair in pairs)
    usable = np.where(overlaps >= iou, overlaps, 0)
    if usable.shape[0] > usable.shape[1]:
        usable = usable.T
    rows, columns = usable.shape
    best = max(sum(usable[range(rows), order]) for order in permutations(range(columns), rows))
    assert sum(overlaps[pair] for pair in pairs) == pytest.approx(best)


def test_the_nearest_is_given_up_where_both_can_be_matched():
    outlines = np.array([[0, 0, 10, 10], [0, 0, 10, 8]], np.float32)
    poses = np.array([[0, 0, 10, 8], [0, 0, 10, 7]], np.float32)
    assert match_boxes(outlines, poses, iou=0.75) == [(0, 0), (1, 1)]
