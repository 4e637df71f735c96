"""Queries and the objects that they are matched with."""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from posekit.models.rfdetr.outputs import Predictions
from posekit.sample import Targets


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """M pairs, picture after picture and group after group.

    Attributes:
        pictures: (M,) int64 index of the picture.
        queries: (M,) int64 index of the query, counted through all groups.
        targets: (M,) int64 index of the object in the batch's `Targets`.
    """

    pictures: Tensor
    queries: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, kw_only=True)
class Matched:
    """What the losses of one layer are computed of.

    Attributes:
        predictions: of the layer, in 32 bits.
        targets: objects of the batch.
        pairs: which belong together.
        object_count: what sums over objects are divided by.
    """

    predictions: Predictions
    targets: Targets
    pairs: Pairs
    object_count: Tensor

    @cached_property
    def boxes(self) -> Tensor:
        """(M, 4) predicted boxes, centre x, centre y, width, height as fractions of the picture."""
        return self.predictions.boxes[self.pairs.pictures, self.pairs.queries]

    @cached_property
    def true_boxes(self) -> Tensor:
        """(M, 4) boxes of the objects."""
        return self.targets.boxes[self.pairs.targets]

    @cached_property
    def classes(self) -> Tensor:
        """(M,) classes of the objects."""
        return self.targets.classes[self.pairs.targets]

    @property
    def has_keypoints(self) -> bool:
        """Whether there is anything to compare keypoints of."""
        return self.predictions.keypoints is not None and self.targets.keypoints is not None and len(self.pairs) > 0

    @cached_property
    def keypoints(self) -> Tensor:
        """(M, K, channels) predicted keypoints."""
        assert self.predictions.keypoints is not None
        return self.predictions.keypoints[self.pairs.pictures, self.pairs.queries]

    @cached_property
    def true_keypoints(self) -> Tensor:
        """(M, K, 3) keypoints of the objects."""
        assert self.targets.keypoints is not None
        return self.targets.keypoints[self.pairs.targets]
