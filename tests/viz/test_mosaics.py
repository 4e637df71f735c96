"""Pictures of batches, of right and wrong detections, and of feature maps."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import ShapeError
from posekit.schema.schema import COCO_PERSON
from posekit.viz.colors import CLASS_COLORS
from posekit.viz.draw import Scene
from posekit.viz.mosaics import (
    FALSE_POSITIVE,
    GROUND_TRUTH,
    LONGEST_SIDE,
    MISSED,
    TRUE_POSITIVE,
    Verdict,
    batch_mosaic,
    draw_verdict,
    save_batch_picture,
    save_feature_maps,
    save_verdict_picture,
    tile_channels,
)
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


SIZE = (480, 640)
GREY_PICTURE = np.full((*SIZE, 3), GREY, np.uint8)
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
    drawn = draw_verdict(GREY_PICTURE, one)[: SIZE[0]]
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
    drawn = draw_verdict(GREY_PICTURE, verdict())
    assert drawn.shape[0] > SIZE[0] + 20
    assert drawn.shape[1] == SIZE[1]
    np.testing.assert_array_equal(drawn[: SIZE[0]], GREY_PICTURE)
    for color in (GROUND_TRUTH, TRUE_POSITIVE, FALSE_POSITIVE, MISSED):
        assert count_color(drawn[SIZE[0] :], color) > 30


def test_small_pictures_are_enlarged_and_written(tmp_path):
    save_verdict_picture(
        GREY_PICTURE[:30, :40], verdict(found=[[5, 5, 20, 20]], correct=[True]), tmp_path / "v" / "a.jpg"
    )
    assert read(tmp_path / "v" / "a.jpg").shape[1] == 640


def test_a_narrow_picture_has_a_legend_of_several_lines():
    assert draw_verdict(np.zeros((900, 60, 3), np.uint8), verdict()).shape[1] == 60


numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=4))
def test_boxes_of_any_numbers_are_drawn(boxes):
    one = verdict(true=boxes, missed=[True] * len(boxes), found=boxes, correct=[False] * len(boxes))
    assert draw_verdict(GREY_PICTURE[:64, :64], one).shape[1] == 640


def test_parts_of_a_verdict_that_do_not_fit_are_named():
    with pytest.raises(ShapeError, match="true boxes"):
        verdict(true=[LEFT], missed=[])
    with pytest.raises(ShapeError, match=r"found boxes.*2 labels"):
        verdict(found=[LEFT], correct=[True], found_labels=["a", "b"])
    with pytest.raises(ShapeError, match="2 found keypoint rows"):
        verdict(found=[LEFT], correct=[True], found_keypoints=np.zeros((2, 17, 3), np.float32))


def test_channels_stand_in_rows_of_eight_one_pixel_apart():
    channels = np.zeros((10, 3, 5), np.float32)
    channels[9, 0, 0] = 1
    tiles = tile_channels(channels)
    assert tiles.shape == (2 * 4, 8 * 6)
    assert tiles[4, 6] == 255
    assert tiles.sum() == 255


def test_each_channel_is_stretched_to_full_contrast():
    channels = np.stack([np.array([[-5.0, 5.0]]), np.array([[0.0, 1e-3]]), np.array([[7.0, 7.0]])]).astype(np.float32)
    tiles = tile_channels(channels)
    assert [tiles[0, 3 * number : 3 * number + 2].tolist() for number in range(3)] == [[0, 255], [0, 255], [0, 0]]


def test_one_picture_per_layer_is_written_for_each_of_the_batch(tmp_path):
    maps = {"0_Conv": torch.rand(2, 40, 6, 8), "9_SPPF": torch.rand(2, 3, 2, 2)}
    folders = [tmp_path / "runs" / "a", tmp_path / "runs" / "b"]
    save_feature_maps(maps, folders)
    for number, folder in enumerate(folders):
        assert sorted(path.name for path in folder.iterdir()) == ["0_Conv_features.png", "9_SPPF_features.png"]
        written = cv2.imread(str(folder / "0_Conv_features.png"), cv2.IMREAD_GRAYSCALE)
        np.testing.assert_array_equal(written, tile_channels(maps["0_Conv"][number, :32].numpy()))


def test_every_picture_needs_its_folder(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        save_feature_maps({"0_Conv": torch.rand(2, 4, 6, 8)}, [tmp_path])
