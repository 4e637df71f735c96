"""What no network in PyTorch can do here, whatever its family, and how users are told."""

from posekit.config.val import ValSettings
from posekit.errors import SettingError
from posekit.log import LOGGER


def check_val_settings(settings: ValSettings) -> None:
    """Refuse settings that no validation can follow.

    Raises:
        SettingError: ``batch`` is no number of pictures, or ``precision`` is 8 bits.
    """
    if settings.batch < 1 or settings.batch != int(settings.batch):
        raise SettingError(f"batch={settings.batch:g}: give validation a number of pictures, such as batch=16")
    if settings.precision == 8:
        raise SettingError("precision=8: a network in PyTorch is validated in 32 or 16 bits, not in 8")


def warn_of_full_precision(*, wanted_half: bool, is_half: bool) -> None:
    """Say that 16 bits were wanted and are not used."""
    if wanted_half and not is_half:
        LOGGER.warning("half=True: 16-bit arithmetic needs an accelerator; computing in 32 bits on the CPU")
