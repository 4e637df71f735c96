"""The kind of setting that holds transforms of the optional package albumentations."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posekit.config.kinds import Text, wrong_type


@dataclass(frozen=True)
class Transforms:
    """Transforms as objects, in the plain form that files hold, or the name of such a file.

    Whether objects are transforms of the package is checked where they are used: nothing is imported here.
    """

    @property
    def expected(self) -> str:
        """The values in words."""
        return "a list of albumentations transforms, or a YAML or JSON file made by albumentations.save"

    def read(self, key: str, value: Any) -> str | tuple[Any, ...]:
        """Return the name of the file, or the transforms as a tuple."""
        if isinstance(value, str | os.PathLike):
            return Text(self.expected).read(key, value)
        entries = tuple(value) if isinstance(value, list | tuple) else (value,)
        if not all(callable(entry) or isinstance(entry, Mapping) for entry in entries):
            wrong_type(key, value, self)
        return entries
