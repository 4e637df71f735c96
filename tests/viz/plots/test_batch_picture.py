"""Mosaics of a batch."""

import numpy as np
import pytest

from posekit.errors import ShapeError
from posekit.schema.schema import COCO_PERSON
from posekit.viz.colors import CLASS_COLORS
from posekit.viz.draw import Scene
from posekit.viz.mosaics import LONGEST_SIDE, batch_mosaic, save_batch_picture
from viz.pixels import count_color, read

GREY = (90, 90, 90)


def picture(height=120, width=160):
    return np.full((height, width, 3), GREY, np.uint8)


def scene(**parts):
    return Scene(color_numbers=np.arange(len(next(iter(parts.values())))) if parts else np.zeros(0, int), **parts)


BOX = np.array([[20, 20, 100, 90]], np.float32)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 16])
def test_any_number_of_pictures_fits_the_longest_side(count, tmp_path):
    pictures = [picture(900, 1200)] * count
    save_batch_picture(pictures, [scene()] * count, [f"{i}.jpg" for i in range(count)], tmp_path / "val_batch0.jpg")
    height, width, _ = read(tmp_path / "val_batch0.jpg").shape
    assert max(height, width) <= LONGEST_SIDE
    assert count == 0 or width > 1000


@pytest.mark.parametrize("size", [(2, 2), (1, 3000), (3000, 1), (4000, 3000)])
def test_pictures_of_any_shape_fit(size):
    mosaic = batch_mosaic([picture(*size), picture()], [scene(), scene()], ["a", "b"])
    assert max(mosaic.shape[:2]) <= LONGEST_SIDE


def test_further_pictures_are_left_out():
    sixteen = batch_mosaic([picture()] * 16, [scene()] * 16, ["a"] * 16)
    twenty = batch_mosaic([picture()] * 20, [scene()] * 20, ["a"] * 20)
    np.testing.assert_array_equal(sixteen, twenty)


def test_small_pictures_keep_their_size():
    mosaic = batch_mosaic([picture()] * 4, [scene()] * 4, [""] * 4)
    assert count_color(mosaic, GREY, 0) == 4 * 120 * 160


def test_boxes_masks_and_keypoints_are_drawn_in_their_places():
    masks = np.zeros((1, 120, 160), np.uint8)
    masks[0, 30:80, 30:90] = 1
    points = np.full((1, 17, 3), (60, 50, 2), np.float32)
    plain = batch_mosaic([picture()], [scene()], ["a"])
    for parts in ({"boxes": BOX}, {"masks": masks}, {"keypoints": points, "schema": COCO_PERSON}):
        drawn = batch_mosaic([picture()], [Scene(color_numbers=np.zeros(1, int), **parts)], ["a"])
        rows, columns = np.nonzero((drawn != plain).any(axis=-1))
        # The tile begins 10 pixels from the corner; lines are a few pixels wide.
        assert rows.min() >= 25
        assert columns.min() >= 25
        assert rows.max() <= 105
        assert columns.max() <= 115


def test_scenes_are_scaled_with_their_pictures():
    large = batch_mosaic([picture(3840, 3840)], [scene(boxes=np.array([[1920, 0, 3840, 3840]], np.float32))], ["a"])
    rows, columns = np.nonzero((np.abs(large.astype(int) - CLASS_COLORS[0]) <= 3).all(axis=-1))
    assert columns.min() == pytest.approx(large.shape[1] / 2, abs=12)
    assert rows.max() < LONGEST_SIDE


def test_labels_without_keypoints_in_sight_draw_none():
    points = np.zeros((1, 17, 3), np.float32)
    with_points = batch_mosaic([picture()], [Scene(color_numbers=np.zeros(1, int), keypoints=points)], ["a"])
    np.testing.assert_array_equal(with_points, batch_mosaic([picture()], [scene()], ["a"]))


@pytest.mark.parametrize("title", ["", "x" * 500, "a\nb\x00", "飞机.jpg", "$x$ <b>"])
def test_titles_of_every_kind_stay_under_their_picture(title):
    mosaic = batch_mosaic([picture(), picture()], [scene(), scene()], [title, ""])
    rows, columns = np.nonzero((mosaic != 255).any(axis=-1) & (np.abs(mosaic.astype(int) - GREY) > 0).any(axis=-1))
    assert not len(rows) or (rows.min() >= 130 and columns.max() <= 175)


def test_missing_scenes_are_told(tmp_path):
    with pytest.raises(ShapeError, match="2 pictures, 1 scenes"):
        save_batch_picture([picture()] * 2, [scene()], ["a", "b"], tmp_path / "b.jpg")
