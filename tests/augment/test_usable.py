"""Without a flip map nothing is mirrored, and the user is told."""

import logging
from dataclasses import replace

import pytest

from augment.made_samples import SCHEMA
from posekit.augment.pipeline import usable_settings
from posekit.config.settings import AugmentationSettings

UNMAPPED = replace(SCHEMA, flip_idx=None, flip_idx_ud=None)
ALL = AugmentationSettings(fliplr=0.5, flipud=0.2, copy_paste=0.3)


def test_what_mirrors_is_off_without_a_map(caplog):
    caplog.set_level(logging.WARNING, "posekit")
    usable = usable_settings(ALL, UNMAPPED)
    assert (usable.fliplr, usable.flipud, usable.copy_paste) == (0, 0, 0)
    assert replace(usable, fliplr=0.5, flipud=0.2, copy_paste=0.3) == ALL
    assert caplog.messages == [
        "fliplr and flipud and copy_paste are off: without a flip map, mirrored keypoints would take left for right; "
        "flip_idx in the dataset YAML gives the map"
    ]


def test_copies_of_other_pictures_are_not_mirrored_and_stay():
    usable = usable_settings(replace(ALL, copy_paste_mode="mixup"), UNMAPPED)
    assert usable.copy_paste == 0.3


def test_each_axis_has_its_own_map(caplog):
    caplog.set_level(logging.WARNING, "posekit")
    usable = usable_settings(ALL, replace(SCHEMA, flip_idx_ud=None))
    assert (usable.fliplr, usable.flipud, usable.copy_paste) == (0.5, 0, 0.3)
    assert caplog.messages[0].startswith("flipud is off")


@pytest.mark.parametrize("schema", [SCHEMA, None])
def test_with_a_map_or_without_keypoints_all_stay_silently(schema, caplog):
    assert usable_settings(ALL, schema) == ALL
    assert usable_settings(replace(ALL, fliplr=0.0, flipud=0.0, copy_paste=0.0), UNMAPPED).fliplr == 0
    assert not caplog.messages
