"""Polygons and RLE masks become outlines."""

import numpy as np
import pytest
from hotcoco import mask as coco_mask

from posekit.data.coco.fields import read_parts
from posekit.files.values import UnusableValueError
from posekit.ops.polygons import mask_to_polygon

SIZE = (24, 32)


@pytest.fixture
def two_parts():
    mask = np.zeros(SIZE, np.uint8)
    mask[5:12, 6:20] = 1
    mask[14:20, 3:9] = 1
    mask[7:9, 8:10] = 0  # holes have no outline
    return mask


def runs(mask):
    """Return the uncompressed counts of a mask: runs of 0 and 1 in turn, column by column."""
    flat = np.concatenate([[0], mask.ravel(order="F"), [2]])
    edges = np.flatnonzero(np.diff(flat.astype(int)))
    counts = np.diff(np.concatenate([[0], edges]))
    return [0, *counts.tolist()] if flat[1] else counts.tolist()


@pytest.mark.parametrize("form", ["compressed", "compressed bytes as text", "uncompressed"])
def test_both_kinds_of_rle_give_the_outer_contours(form, two_parts):
    encoded = coco_mask.encode(np.asfortranarray(two_parts))
    counts = {
        "compressed": encoded["counts"],
        "compressed bytes as text": encoded["counts"].decode(),
        "uncompressed": runs(two_parts),
    }[form]
    parts = read_parts({"size": list(SIZE), "counts": counts}, SIZE)
    extents = sorted((part.min(0).tolist(), part.max(0).tolist()) for part in parts)
    assert extents == [([3, 14], [8, 19]), ([6, 5], [19, 11])]


def test_the_outline_of_one_part_is_that_of_its_mask(two_parts):
    two_parts[:13] = 0
    encoded = coco_mask.encode(np.asfortranarray(two_parts))
    (part,) = read_parts({"size": list(SIZE), "counts": encoded["counts"].decode()}, SIZE)
    assert np.array_equal(part, mask_to_polygon(two_parts))


def test_polygons_are_taken_as_they_are():
    parts = read_parts([[1, 2, 3.5, 4, 5, 6], [0, 0, 9, 0, 9, 9, 0, 9]], SIZE)
    assert [part.tolist() for part in parts] == [[[1, 2], [3.5, 4], [5, 6]], [[0, 0], [9, 0], [9, 9], [0, 9]]]


def test_a_single_polygon_without_a_list_around_it_is_understood():
    assert [part.tolist() for part in read_parts([1, 2, 3, 4, 5, 6], SIZE)] == [[[1, 2], [3, 4], [5, 6]]]


@pytest.mark.parametrize("value", [None, [], {}, [[]], [[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]]])
def test_nothing_usable_gives_no_outline(value):
    assert read_parts(value, SIZE) == ()


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (5, "segmentation"),
        ([[1, 2, None, 4, 5, 6]], "segmentation[0][2]"),
        ([[1, 2, 3, 4, 5, 6], 7], "segmentation[1]"),
        ({"size": [32, 24], "counts": "0"}, "segmentation.size"),
        ({"size": "24 32", "counts": "0"}, "segmentation.size"),
        ({"size": [24, 32], "counts": "\x00"}, "segmentation.counts"),
        ({"size": [24, 32], "counts": [800]}, "segmentation.counts"),
        ({"size": [24, 32], "counts": [1.5, 3]}, "segmentation.counts"),
        ({"size": [24, 32], "counts": None}, "segmentation.counts"),
    ],
)
def test_malformed_values_are_named(value, field):
    with pytest.raises(UnusableValueError) as caught:
        read_parts(value, SIZE)
    assert caught.value.field == field


def test_a_mask_too_large_for_memory_is_refused_before_it_is_decoded():
    size = (100_000, 100_000)
    with pytest.raises(UnusableValueError, match="178,956,970 are the most"):
        read_parts({"size": list(size), "counts": "0"}, size)
