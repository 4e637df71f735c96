"""Transforms of albumentations: moved objects, and what files and checkpoints hold of them."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import albumentations
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import SCHEMA, assert_same_objects, assert_well_formed, made_sample, samples
from posekit.augment.albumentations import (
    AlbumentationsTransform,
    default_transforms,
    open_transforms,
    stored_transforms,
    warn_of_unsaved,
)
from posekit.augment.warps import flip_left_right, flip_up_down
from posekit.errors import SchemaError, SettingError, SettingTypeError, ShapeError


def apply(transforms, sample, seed=0, schema=SCHEMA):
    return AlbumentationsTransform(transforms, schema)(sample, np.random.default_rng(seed))


def inner_sample(seed=0, **parts):
    """Return a sample whose objects are well inside the picture."""
    sample = made_sample(seed, (100, 120), **parts)
    return replace(sample, boxes=sample.boxes.clip(0, (120, 100, 120, 100)))


@pytest.mark.parametrize("outlines", [False, True])
@pytest.mark.parametrize(
    ("transform", "flip"),
    [(albumentations.HorizontalFlip(p=1), flip_left_right), (albumentations.VerticalFlip(p=1), flip_up_down)],
)
def test_mirrors_are_posekits_own_flips(transform, flip, outlines):
    sample = inner_sample(outlines=outlines)
    schema = replace(SCHEMA, flip_idx_ud=(0, 3, 4, 1, 2))  # not the other axis' map
    flip_map = schema.flip_idx if flip is flip_left_right else schema.flip_idx_ud
    result, expected = apply([transform], sample, schema=schema), flip(sample, flip_map)
    np.testing.assert_array_equal(result.image, expected.image)
    np.testing.assert_array_equal(result.keypoints[..., 2], expected.keypoints[..., 2])
    assert_same_objects(replace(result, boxes=expected.boxes), expected, within=1e-3)
    np.testing.assert_allclose(result.boxes, expected.boxes, atol=0.5 if outlines else 1e-3)


def test_a_transposed_picture_counts_as_mirrored_and_a_turned_one_does_not():
    sample = replace(inner_sample(), image=np.zeros((120, 120, 3), np.uint8))
    transposed, turned = (
        apply([kind(p=1)], sample).keypoints for kind in (albumentations.Transpose, albumentations.RandomRotate90)
    )
    swapped = sample.keypoints[:, list(SCHEMA.flip_idx)]
    np.testing.assert_allclose(transposed, swapped[..., (1, 0, 2)], atol=1e-3)
    np.testing.assert_array_equal(turned[..., 2], sample.keypoints[..., 2])


def test_mirrored_keypoints_without_a_map_are_refused_and_boxes_are_not():
    transforms = [albumentations.HorizontalFlip(p=1)]
    with pytest.raises(SchemaError, match="without a flip map"):
        apply(transforms, inner_sample(), schema=replace(SCHEMA, flip_idx=None, flip_idx_ud=None))
    assert len(apply(transforms, inner_sample(keypoints=False), schema=None).boxes) == 3


@given(samples(), st.integers(0, 2**32))
def test_whatever_moves_the_result_is_well_formed(sample, seed):
    transforms = [albumentations.Affine(rotate=(-90, 90), translate_percent=(-0.5, 0.5), p=1)]
    result = apply(transforms, sample, seed)
    assert result.size == sample.size
    assert_well_formed(result)


def test_points_that_leave_are_unlabelled_and_objects_that_leave_are_dropped():
    sample = inner_sample(count=2)
    sample.boxes[:] = (10, 10, 50, 90), (70, 10, 110, 90)
    sample.keypoints[..., 2] = 2
    sample.keypoints[0, :, :2] = [(12, 50), (20, 50), (35, 50), (45, 50), (48, 50)]
    result = apply([albumentations.Affine(translate_px={"x": -30, "y": 0}, p=1)], replace(sample, polygons=None))
    assert result.keypoints[0, :, 2].tolist() == [0, 0, 2, 2, 2]
    gone = apply([albumentations.Affine(translate_px={"x": -60, "y": 0}, p=1)], replace(sample, polygons=None))
    assert gone.classes.tolist() == [sample.classes[1]]


def test_colour_transforms_leave_objects_alone():
    sample = inner_sample()
    result = apply([albumentations.ToGray(p=1)], sample)
    assert_same_objects(result, sample)
    assert (np.ptp(result.image.astype(int), axis=2) == 0).all()


def test_transforms_see_rgb():
    red = replace(inner_sample(), image=np.full((100, 120, 3), (0, 0, 255), np.uint8))
    dimmed = apply([albumentations.RGBShift((-100, -100), (0, 0), (0, 0), p=1)], red)
    assert dimmed.image[0, 0].tolist() == [0, 0, 155]


def test_the_same_generator_gives_the_same_result_in_every_thread():
    transform = AlbumentationsTransform([albumentations.Affine(rotate=(-40, 40), p=0.5), *default_transforms()], SCHEMA)
    sample = inner_sample()

    def shift_of(seed):
        return transform(sample, np.random.default_rng(seed)).keypoints.tolist()

    alone = [shift_of(seed) for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(shift_of, range(40))) == alone
    assert len({str(keypoints) for keypoints in alone}) > 10


def test_a_change_of_size_is_refused():
    with pytest.raises(
        ShapeError, match=r"a picture of \(50, 60\) from one of \(100, 120\) pixels: the size must stay"
    ):
        apply([albumentations.RandomCrop(50, 60, p=1)], inner_sample())


def test_objects_stay_where_a_distortion_loses_a_corner_and_lost_points_are_unlabelled():
    """The package finds points again in the distorted picture: those outside of it, or beneath others, are lost."""
    sample = inner_sample(count=2, outlines=False)
    sample.boxes[:] = (0, 0, 60, 100), (50, 20, 120, 80)
    sample.keypoints[..., 2] = 2
    sample.keypoints[0, :, :2] = (30, 40), (30, 40), (-5, 40), (10, 90), (55, 10)
    result = apply([albumentations.GridDistortion(p=1, distort_limit=0.2)], sample)
    assert_well_formed(result)
    assert len(result.boxes) == 2
    np.testing.assert_allclose(result.boxes, sample.boxes, atol=20)
    seen = result.keypoints[0, :, 2].tolist()
    assert seen[2] == 0
    assert sorted(seen[:2]) == [0, 2]
    assert seen[3:] == [2, 2]


def test_lost_points_of_outlines_go_along_with_their_neighbours():
    """Points of dense outlines hide each other; a few that stayed behind would tear the outline."""
    sample = inner_sample(count=1, keypoints=False)
    angles = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    outline = np.stack((60 + 30 * np.cos(angles), 50 + 25 * np.sin(angles)), 1).astype(np.float32)
    sample = replace(sample, polygons=(outline,))
    sample.boxes[:] = (30, 25, 90, 75)
    result = apply([albumentations.GridDistortion(p=1, distort_limit=0.4)], sample)
    steps = np.linalg.norm(np.diff(result.polygons[0], axis=0), axis=1)
    assert np.abs(result.polygons[0] - outline).max() > 3
    assert steps.max() < 4


def test_pictures_without_objects_are_changed_too():
    empty = inner_sample(count=0)
    result = apply([albumentations.HorizontalFlip(p=1)], empty)
    np.testing.assert_array_equal(result.image, empty.image[:, ::-1])
    assert len(result.boxes) == 0


def test_pixels_stay_bytes():
    with pytest.raises(SettingError, match="made float32 of uint8 pixels: leave out what scales them, such as Norm"):
        apply([albumentations.Normalize(p=1)], inner_sample())


def test_nested_transforms_that_move_are_found():
    result = apply([albumentations.OneOf([albumentations.HorizontalFlip(p=1)], p=1)], inner_sample())
    np.testing.assert_allclose(result.keypoints, flip_left_right(inner_sample(), SCHEMA.flip_idx).keypoints, atol=1e-3)


def test_without_the_package_the_extra_is_named():
    code = (
        "import sys; sys.modules['albumentations'] = None\n"
        "from posekit.augment import default_transforms\n"
        "from posekit.errors import MissingExtraError\n"
        "try: default_transforms()\n"
        "except MissingExtraError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == (
        'albumentations transforms need the package albumentations: pip install "posekit[albumentations]"'
    )


class Stripes(albumentations.ImageOnlyTransform):
    """A transform of the user's own."""

    def apply(self, img, **_):
        return img


def invert(image, **_):
    return 255 - image


def mixed():
    return [
        albumentations.HorizontalFlip(p=0.25),
        albumentations.OneOf([albumentations.Blur(blur_limit=(3, 5), p=1), albumentations.ToGray(p=1)], p=0.5),
        Stripes(p=0.125),
    ]


def described(transforms):
    return [albumentations.to_dict(transform) for transform in transforms]


def test_plain_values_make_the_same_transforms_again():
    opened = open_transforms(tuple(mixed()))
    stored = stored_transforms(opened)
    assert yaml.safe_load(yaml.safe_dump(json.loads(json.dumps(stored)))) == stored
    assert described(open_transforms(tuple(stored))) == described(mixed())


def test_without_transforms_there_is_nothing_to_open():
    assert open_transforms(None) is None
    assert stored_transforms(None) is None
    assert open_transforms(()) == ()
    assert stored_transforms(()) == []


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_files_of_the_package_are_read(tmp_path, suffix):
    path = tmp_path / f"own.{suffix}"
    pipeline = albumentations.Compose(mixed(), p=0.75, keypoint_params=albumentations.KeypointParams("xy"))
    albumentations.save(pipeline, path, data_format=suffix)
    [opened] = open_transforms(str(path))
    assert isinstance(opened, albumentations.Sequential)  # what the file says of keypoints does not count
    assert opened.p == 0.75
    assert described(opened.transforms) == described(mixed())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{broken", "is no readable YAML or JSON"),
        ("[1, 2]", "holds no transform"),
        ("degrees: 3", "was it written by albumentations.save"),
        ("transform: {__class_fullname__: nobody.Knows, p: 1}", "cannot make a transform of a file.*nobody.Knows"),
    ],
)
def test_files_of_something_else_are_refused(tmp_path, text, words):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(SettingError, match=words):
        open_transforms(str(path))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"augmentations=.*own\.yaml: cannot be read \(No such file"):
        open_transforms(str(tmp_path / "own.yaml"))


def test_something_that_is_no_transform_is_refused():
    with pytest.raises(SettingTypeError, match="is no transform of albumentations: give a list such as"):
        open_transforms((invert,))


@pytest.mark.parametrize("nested", [False, True])
def test_transforms_that_leave_keypoints_behind_are_refused(nested):
    given = albumentations.ToTensorV2()
    with pytest.raises(SettingError, match="ToTensorV2 changes pictures, but not the keypoints on them: leave it out"):
        open_transforms((albumentations.OneOf([given]) if nested else given,))


@pytest.mark.parametrize("nested", [False, True])
def test_functions_cannot_be_stored_and_are_asked_for_again(caplog, nested):
    function = albumentations.Lambda(name="invert", image=invert, p=1)
    given = albumentations.OneOf([function], p=1) if nested else function
    transforms = open_transforms((given, albumentations.Blur()))
    warn_of_unsaved(transforms)
    name = type(given).__name__
    assert f"augmentations: {name} cannot be written into checkpoints" in caplog.text
    stored = stored_transforms(transforms)
    assert stored[0] == {"unsaved": name}
    with pytest.raises(SettingError, match=rf"{name} cannot be carried .* give augmentations=\[\.\.\.\] again"):
        open_transforms(tuple(stored))


def test_settings_that_are_not_plain_cannot_be_stored(caplog):
    transform = albumentations.Blur(p=0.5)
    transform.p = np.float64  # no number
    warn_of_unsaved([transform])
    assert "Blur cannot be written" in caplog.text
