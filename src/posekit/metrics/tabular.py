"""Rows that can be had as CSV, JSON or a data frame."""

from abc import ABC, abstractmethod
from typing import Any

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
        from posekit.results.tables import rows_to_frame

        return rows_to_frame(self.summary(normalize, decimals))

    def to_csv(self, normalize: bool = False, decimals: int = 5) -> str:
        """Return the rows of `summary` as CSV text with a header."""
        from posekit.results.tables import rows_to_csv

        return rows_to_csv(self.summary(normalize, decimals))

    def to_json(self, normalize: bool = False, decimals: int = 5) -> str:
        """Return the rows of `summary` as a JSON array."""
        from posekit.results.tables import rows_to_json

        return rows_to_json(self.summary(normalize, decimals))
