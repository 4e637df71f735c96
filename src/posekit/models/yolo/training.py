"""A YOLO network as training knows it: criterion, freezing, validation, checkpoints (see `models.contract`)."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from posekit.checkpoint.record import Checkpoint
from posekit.config.settings import TrainSettings, ValSettings
from posekit.errors import SettingError
from posekit.models.contract import Criterion, Recipe
from posekit.models.shared import freeze
from posekit.models.yolo.heads import PREFIX
from posekit.models.yolo.inference import YoloInference, placing_of, points_of_classes
from posekit.models.yolo.losses.criterion import class_weights, make_criterion
from posekit.models.yolo.network import YoloNetwork
from posekit.models.yolo.weights import checkpoint_of
from posekit.placing import Placing
from posekit.schema.schema import KeypointSchema

BATCH_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)


class YoloTraining:
    """A `Trainable` YOLO network, which knows its class names itself.

    Args:
        network: for the classes and keypoints of a data set.
        schema: the keypoints; None without.
        license: of the weights that it started from; None when unknown or fresh.
    """

    def __init__(self, network: YoloNetwork, schema: KeypointSchema | None, license: str | None) -> None:
        self.network = network
        self.task = network.task
        self.names = dict(network.names)
        self.schema = schema
        self.placing: Placing = placing_of(network)
        self.recipe = Recipe(fast_parameters=fast_parameters(network))
        self._license = license
        self._frozen: tuple[str, ...] = ()

    def criterion(self, settings: TrainSettings, sigmas: Sequence[float] | None, class_counts: Tensor) -> Criterion:
        """See `Trainable`."""
        weights = class_weights(class_counts, settings.cls_pw) if settings.cls_pw else None
        points = points_of_classes(self.schema, len(self.names))
        return make_criterion(self.network, settings, sigmas, class_weights=weights, class_points=points)

    def freeze(self, layers: int | Sequence[int | str] | None) -> None:
        """See `Trainable`: layers are the first so many, or named by index or dotted name, such as ``"23.cv2"``.

        The bin values of DFL are always frozen.
        """
        head = len(self.network.model) - 1
        names = [str(layer) for layer in (range(layers) if isinstance(layers, int) else layers or ())]
        known = {name for name, _ in self.network.model.named_modules()}
        for name in names:
            if name not in known:
                raise SettingError(
                    f"freeze={layers}: this network has no layer {name!r}; its layers are 0 to {head}, "
                    f"and parts of them have names such as '{head}.cv2'"
                )
        self._frozen = tuple(f"model.{name}." for name in names)
        freeze(self.network, self._frozen, (f"model.{head}.dfl.",), layers, f"leave its head ({head}) out")

    def train(self) -> None:
        """See `Trainable`: the batch norms of frozen layers rest."""
        self.network.train()
        for name, module in self.network.named_modules():
            if isinstance(module, BATCH_NORMS) and f"{name}.".startswith(self._frozen):
                module.eval()

    def validation(self, network: nn.Module, device: torch.device, settings: ValSettings) -> YoloInference:
        """See `Trainable`: with batch norms and both sets of branches."""
        one2one = settings.nms is False
        return YoloInference(cast(YoloNetwork, network), self.schema, device=device, one2one=one2one, fused=False)

    def checkpoint(self, network: nn.Module, path: str, settings: Mapping[str, Any]) -> Checkpoint:
        """See `Trainable`."""
        return checkpoint_of(cast(YoloNetwork, network), self.schema, settings, self._license, path)


def fast_parameters(network: YoloNetwork) -> frozenset[str]:
    """Return the full names of the parameters of the class branches, semantic ones included."""
    head = f"model.{len(network.model) - 1}"
    starts = (*(f"{head}.{PREFIX[branch]}cv3." for branch in network.head.branches), f"{head}.proto.semseg.")
    return frozenset(name for name, _ in network.named_parameters() if name.startswith(starts))
