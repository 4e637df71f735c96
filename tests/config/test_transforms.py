import pytest

from posekit.config.kinds import Transforms
from posekit.config.settings import TrainSettings
from posekit.errors import SettingTypeError


def twist(image):
    return image


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ([twist], (twist,)),
        (twist, (twist,)),
        ([], ()),
        ([{"transform": {}}], ({"transform": {}},)),
        ("own.yaml", "own.yaml"),
    ],
)
def test_transforms_are_kept_as_a_tuple_and_files_as_their_name(value, stored):
    assert Transforms().read("augmentations", value) == stored
    assert TrainSettings(augmentations=stored).augmentations == stored


@pytest.mark.parametrize("value", [3, ["Blur"], [twist, 0.5], "", True])
def test_what_cannot_be_a_transform_is_of_the_wrong_type(value):
    with pytest.raises(SettingTypeError, match=r"augmentations=.*expected .*a list of albumentations transforms, or a"):
        TrainSettings(augmentations=value)
