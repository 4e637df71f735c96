"""Transforms of albumentations go into plain values and files, and come back the same."""

import json

import albumentations
import numpy as np
import pytest
import yaml

from posekit.augment.albumentations import open_transforms, stored_transforms, warn_of_unsaved
from posekit.errors import SettingError, SettingTypeError


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
