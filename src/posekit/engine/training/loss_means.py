"""Mean loss items over the batches of an epoch."""

from collections.abc import Mapping

from torch import Tensor

from posekit.engine import distributed


class LossMeans:
    """Adds up loss items where they are; they come to the processor only when somebody asks for them."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._batches = 0

    def add(self, items: Mapping[str, Tensor]) -> None:
        """Count the items of a batch, detached scalars by name."""
        self._sums = {name: self._sums[name] + value if self._batches else value for name, value in items.items()}
        self._batches += 1

    def means(self) -> dict[str, float]:
        """Return the means over the batches so far; empty before the first."""
        return {name: float(value) / self._batches for name, value in self._sums.items()}

    def means_of_all(self) -> dict[str, float]:
        """Return the means over the batches of all processes; each of them must call this."""
        parts = distributed.gather((self._batches, self.means()))
        total = sum(batches for batches, _ in parts)
        names = parts[0][1]
        return {name: sum(batches * means[name] for batches, means in parts if batches) / total for name in names}
