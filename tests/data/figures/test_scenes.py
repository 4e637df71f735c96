"""Made scenes and the source of them: determinism, exact boxes and masks, keypoints that agree with what is drawn."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.scene import is_figures, make_scene, parse_figures, scenes
from posekit.errors import SettingError, SourceValueError

SMALL = SceneSettings(size=(160, 200))
SIZES = [(32, 48), (33, 57), (160, 160), (97, 301), (301, 97), (480, 640)]


@pytest.fixture(scope="module")
def made():
    return list(scenes(40, seed=7, settings=SMALL))


def same(first, second):
    arrays = ("image", "boxes", "classes", "keypoints", "masks")
    return first.path == second.path and all(np.array_equal(getattr(first, a), getattr(second, a)) for a in arrays)


def test_a_seed_gives_the_same_scene_again():
    assert same(make_scene(3, SMALL), make_scene(3, SMALL))


def test_a_seed_gives_the_same_scene_in_another_process():
    code = (
        "import hashlib; from posekit.data.figures import *; s = make_scene(11, SceneSettings(size=(160, 200)));"
        "print(hashlib.sha256(s.image.tobytes() + s.keypoints.tobytes() + s.masks.tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    sample = make_scene(11, SMALL)
    own = hashlib.sha256(sample.image.tobytes() + sample.keypoints.tobytes() + sample.masks.tobytes()).hexdigest()
    assert own == other


def test_another_seed_gives_another_scene():
    assert not np.array_equal(make_scene(1, SMALL).image, make_scene(2, SMALL).image)


def test_scenes_are_those_of_successive_seeds_made_when_asked_for():
    endless = scenes(10**9, seed=4, settings=SMALL)
    assert same(next(endless), make_scene(4, SMALL))
    assert same(next(endless), make_scene(5, SMALL))


@pytest.mark.parametrize("size", SIZES)
def test_every_size_gives_arrays_of_the_promised_shapes(size):
    for sample in scenes(6, seed=20, settings=SceneSettings(size=size)):
        count = len(sample.boxes)
        assert sample.size == size
        assert (sample.image.shape, sample.image.dtype) == ((*size, 3), np.uint8)
        assert (sample.boxes.shape, sample.boxes.dtype) == ((count, 4), np.float32)
        assert (sample.keypoints.shape, sample.keypoints.dtype) == ((count, 17, 3), np.float32)
        assert (sample.masks.shape, sample.masks.dtype) == ((count, *size), np.bool_)
        assert (sample.classes.shape, sample.classes.dtype) == ((count,), np.int64)
        assert not sample.classes.any()


def test_the_path_names_the_seed():
    assert make_scene(123, SMALL).path == "figures/000123.png"


def test_a_box_is_the_extent_of_its_mask(made):
    for sample in made:
        for box, mask in zip(sample.boxes, sample.masks, strict=True):
            rows, columns = np.nonzero(mask)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_masks_are_disjoint_and_large_enough(made):
    for sample in made:
        assert sample.masks.sum(0).max(initial=0) <= 1
        assert all(mask.sum() >= 30 for mask in sample.masks)


def test_a_visible_point_lies_on_its_own_mask(made):
    for sample in made:
        for points, mask in zip(sample.keypoints, sample.masks, strict=True):
            x, y = points[points[:, 2] == 2, :2].astype(int).T
            assert mask[y, x].all()


def test_labelled_points_lie_in_the_picture_and_others_are_zero(made):
    for sample in made:
        height, width = sample.size
        labelled = sample.keypoints[..., 2] > 0
        x, y = sample.keypoints[..., 0], sample.keypoints[..., 1]
        assert ((x >= 0) & (x < width) & (y >= 0) & (y < height))[labelled].all()
        assert not sample.keypoints[~labelled].any()
        assert ((sample.keypoints[..., 2] == 2).sum(1) >= 3).all()


def test_all_three_visibilities_occur(made):
    found = {value for sample in made for value in np.unique(sample.keypoints[..., 2]).tolist()}
    assert found == {0.0, 1.0, 2.0}


def test_the_same_seed_at_twice_the_size_gives_the_same_composition():
    large = SceneSettings(size=(320, 400))
    compared = 0
    for seed in range(20):
        small, big = make_scene(seed, SMALL), make_scene(seed, large)
        if len(small.boxes) == len(big.boxes):
            compared += len(big.boxes)
            both = (small.keypoints[..., 2] > 0) & (big.keypoints[..., 2] > 0)
            np.testing.assert_allclose(big.keypoints[both, :2], small.keypoints[both, :2] * 2, atol=0.01)
    assert compared > 20


def test_the_people_setting_bounds_the_count():
    crowd = SceneSettings(size=(240, 320), people=(6, 6))
    counts = [len(sample.boxes) for sample in scenes(8, settings=crowd)]
    assert max(counts) <= 6
    assert np.mean(counts) > 3
    nobody = SceneSettings(size=(64, 64), people=(0, 0))
    assert make_scene(0, nobody).keypoints.shape == (0, 17, 3)


@pytest.mark.parametrize(
    "bad",
    [{"size": (31, 64)}, {"people": (3, 2)}, {"people": (-1, 2)}, {"body_height": (0, 1)}, {"noise": -1},
     {"clutter": (5, 1)}],
)  # fmt: skip
def test_a_setting_outside_its_range_is_refused_by_name(bad):
    with pytest.raises(SettingError, match=next(iter(bad))):
        SceneSettings(**bad)


def test_a_negative_seed_is_refused():
    with pytest.raises(SettingError, match="seed -1"):
        make_scene(-1)


def test_pictures_come_in_batches_without_their_labels():
    with parse_figures("figures:3:7", batch=2) as source:
        assert (source.count, source.live, source.is_video) == (3, False, False)
        batches = list(source)
    assert [len(batch) for batch in batches] == [2, 1]
    for index, sample in enumerate((sample for batch in batches for sample in batch), start=1):
        assert (len(sample.boxes), sample.keypoints, sample.masks) == (0, None, None)
        assert (sample.origin.kind, sample.origin.index, sample.origin.count) == ("image", index, 3)
        assert sample.path.endswith(".png")


def test_the_seed_decides_the_pictures():
    [[first]], [[again]], [[other]] = (list(parse_figures(f"figures:1:{seed}")) for seed in (4, 4, 5))
    assert np.array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)


def test_the_word_alone_is_eight_pictures():
    assert parse_figures("figures").count == 8


@pytest.mark.parametrize(
    ("text", "expected"), [("figures", True), ("figures:2", True), ("figures2", False), ("x", False)]
)
def test_the_word_is_recognised(text, expected):
    assert is_figures(text) == expected


@pytest.mark.parametrize("text", ["figures:", "figures:0", "figures:x", "figures:1:2:3", "figures:-1"])
def test_other_forms_are_refused(text):
    with pytest.raises(SourceValueError, match="figures:COUNT:SEED"):
        parse_figures(text)
