"""What an RF-DETR network offers to the engine for training (see `models.contract`)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from posekit.checkpoint.contents import Checkpoint
from posekit.config.train import TrainSettings
from posekit.config.val import ValSettings
from posekit.log import LOGGER
from posekit.models.contract import Criterion
from posekit.models.rfdetr.freeze import freeze_parts
from posekit.models.rfdetr.inference import RFDETRInference
from posekit.models.rfdetr.loading import AnyNetwork
from posekit.models.rfdetr.losses.criterion import detection_criterion, pose_criterion
from posekit.models.rfdetr.model import RFDETRModel, contents_of
from posekit.models.rfdetr.recipe import recipe_for
from posekit.models.rfdetr.validation import RFDETRValidation

WITHOUT_EFFECT = ("box", "cls", "dfl", "pose", "kobj", "rle", "cls_pw")


class RFDETRTraining:
    """An RF-DETR network for the classes and keypoints of a data set.

    Args:
        model: the network, of the resolution that it is trained in, its schema, and what its file says.
    """

    def __init__(self, model: RFDETRModel) -> None:
        self.model = model
        self.network = model.network
        self.task = model.task
        self.names = dict(model.names)
        self.schema = model.schema
        self.stride = model.layout.architecture.stride
        self.recipe = recipe_for(model.layout.architecture)

    def criterion(self, settings: TrainSettings, sigmas: Sequence[float] | None, class_counts: Tensor) -> Criterion:
        """Return the losses of the task, whose weights are fixed; `class_counts` do not matter."""
        defaults = TrainSettings()
        idle = [name for name in WITHOUT_EFFECT if getattr(settings, name) != getattr(defaults, name)]
        if idle:
            LOGGER.warning("%s: no effect on RF-DETR networks, whose losses have fixed weights", ", ".join(idle))
        return detection_criterion() if sigmas is None else pose_criterion(sigmas)

    def boosted(self) -> Collection[str]:
        """Return nothing: the recipe has rules for every parameter."""
        return ()

    def freeze(self, layers: int | Sequence[int | str] | None) -> None:
        """Turn off the gradients of some parts, and turn on all others.

        Raises:
            SettingError: there is no such part, or nothing would be left to train.
        """
        freeze_parts(self.network, layers)

    def train(self) -> None:
        """Put the network into training mode."""
        self.network.train()

    def load_size(self, size: tuple[int, int], imgsz: int) -> tuple[int, int]:
        """Return (h, w) of a picture that is read: its own, or smaller where crops have more pixels than they need."""
        crops = self.recipe.crops
        enough = max(imgsz, *(crops.shorter_sides if crops else ()))
        ratio = min(enough / min(size), 1)
        return max(round(size[0] * ratio), 1), max(round(size[1] * ratio), 1)

    def validation(self, network: nn.Module, device: torch.device, settings: ValSettings) -> RFDETRValidation:
        """Return a network as a model that can be measured."""
        return RFDETRValidation(RFDETRInference(self._of(network), device=device))

    def checkpoint(self, network: nn.Module, path: str, settings: Mapping[str, Any]) -> Checkpoint:
        """Return what a file of a network holds, with its training settings."""
        return contents_of(replace(self._of(network), settings=dict(settings)), path)

    def _of(self, network: nn.Module) -> RFDETRModel:
        return replace(self.model, network=cast(AnyNetwork, network))
