"""Rows that can be had as CSV, JSON or a data frame."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from posekit.errors import UnknownAttributeError

Row = dict[str, Any]


class Tabular(ABC):
    """Something with a `summary`, a list of rows with equal keys."""

    @abstractmethod
    def summary(self, normalize: bool = False, decimals: int = 5) -> list[Row]:
        """Return the rows."""

    def to_df(self, normalize: bool = False, decimals: int = 5) -> Any:
        """Return the rows of `summary` as a polars data frame, or a pandas one where polars is not installed.

        Raises:
            MissingExtraError: neither package is installed.
        """
        from posekit.results.output import rows_to_frame

        return rows_to_frame(self.summary(normalize, decimals))

    def to_csv(self, normalize: bool = False, decimals: int = 5) -> str:
        """Return the rows of `summary` as CSV text with a header."""
        from posekit.results.output import rows_to_csv

        return rows_to_csv(self.summary(normalize, decimals))

    def to_json(self, normalize: bool = False, decimals: int = 5) -> str:
        """Return the rows of `summary` as a JSON array."""
        from posekit.results.output import rows_to_json

        return rows_to_json(self.summary(normalize, decimals))


def unknown_attribute(owner: object, name: str, also: Iterable[str] = ()) -> UnknownAttributeError:
    """Return the error for reading `name`; it lists public attributes of `owner` and the names in `also`."""
    known = sorted(key for key in {*owner.__dict__, *dir(type(owner)), *also} if not key.startswith("_"))
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UnknownAttributeError(f"{type(owner).__name__} has no attribute {name!r}.{hint} It has: {', '.join(known)}")
