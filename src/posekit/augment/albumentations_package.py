"""The optional package albumentations, imported when it is first needed."""

import os
from typing import Any

from posekit.errors import MissingExtraError


def require_albumentations() -> Any:
    """Return the package.

    Raises:
        MissingExtraError: it is not installed.
    """
    # On import the package would ask its registry for newer releases.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    try:
        import albumentations
    except ImportError as error:
        raise MissingExtraError("albumentations transforms", "albumentations", "albumentations") from error
    return albumentations
