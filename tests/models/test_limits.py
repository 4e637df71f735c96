"""What is refused, and what is told."""

import pytest

from posekit.config.settings import ValSettings
from posekit.errors import SettingError
from posekit.models.contract import check_val_settings, warn_of_full_precision


@pytest.mark.parametrize("batch", [-1, 0.5])
def test_shares_of_memory_are_for_training_only(batch):
    with pytest.raises(SettingError, match="such as batch=16"):
        check_val_settings(ValSettings(batch=batch))


def test_eight_bits_are_refused():
    check_val_settings(ValSettings())
    with pytest.raises(SettingError, match="precision=8"):
        check_val_settings(ValSettings(precision=8))


@pytest.mark.parametrize(("wanted", "is_half", "told"), [(True, False, 1), (True, True, 0), (False, False, 0)])
def test_only_16_bits_that_were_wanted_are_missed(caplog, wanted, is_half, told):
    warn_of_full_precision(wanted_half=wanted, is_half=is_half)
    assert caplog.text.count("16-bit") == told
