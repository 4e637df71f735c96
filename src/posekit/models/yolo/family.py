"""YOLO as a family of networks (see `models.family`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from posekit.checkpoint.record import Checkpoint
from posekit.config.settings import PredictSettings, TrainSettings, ValSettings
from posekit.errors import SettingError
from posekit.models.contract import KnownNetwork, NetworkCost
from posekit.models.yolo.heads import Branch
from posekit.models.yolo.inference import DEFAULT_IMGSZ, ReadyNetwork, YoloInference, YoloValidation
from posekit.models.yolo.network import YoloNetwork, fuse_network, is_fused, network_cost
from posekit.models.yolo.training import YoloTraining
from posekit.models.yolo.weights import LoadedModel, build_model, contents_of, copy_matching, load_model
from posekit.schema.schema import KeypointSchema


class ReadyYolo:
    """Keeps the fused copy of a network that predicts."""

    def __init__(self) -> None:
        self._network = ReadyNetwork()

    def inference(self, model: LoadedModel, settings: PredictSettings, device: torch.device) -> YoloInference:
        """Return the model ready to predict; the same one for as long as nothing that matters has changed."""
        return self._network.get(model, settings, device)

    def validation(self, model: LoadedModel, settings: ValSettings, device: torch.device) -> YoloValidation:
        """Return the model ready to be measured."""
        return YoloValidation(self._network.get(model, settings, device))


class YoloFamily:
    """YOLOv8, YOLO11 and YOLO26."""

    name = "YOLO"

    def build(self, definition: str) -> LoadedModel | None:
        """Return a network with random weights; every definition that is not another family's is taken for YOLO's."""
        return build_model(definition)

    def read_reference(self, path: Path) -> Checkpoint | None:
        """Return None: such files are read like ours, by `posekit.checkpoint.read`."""
        return None

    def owns(self, checkpoint: Checkpoint) -> bool:
        """Return True: every network that is not another family's is taken for YOLO's."""
        return True

    def load(self, checkpoint: Checkpoint) -> LoadedModel:
        """Return the model of a checkpoint."""
        return load_model(checkpoint)

    def contents(self, model: LoadedModel, path: str | Path) -> Checkpoint:
        """Return what a checkpoint of a model holds."""
        return contents_of(model, path)

    def ready(self) -> ReadyYolo:
        """Return what keeps a model ready."""
        return ReadyYolo()

    def training_settings(self, model: LoadedModel, imgsz: int | None) -> Mapping[str, Any]:
        """Return nothing: the defaults of all settings are those of YOLO."""
        return {}

    def for_dataset(
        self,
        model: LoadedModel,
        *,
        names: Mapping[int, str],
        schema: KeypointSchema | None,
        pretrained: KnownNetwork | None,
        settings: TrainSettings,
    ) -> YoloTraining:
        """Return a network like that of `model` for the classes and keypoints of a data set.

        Raises:
            SettingError: `pretrained` is of another family.
        """
        source = None if pretrained is None else _yolo(pretrained)
        return YoloTraining.for_dataset(
            model, names=names, schema=schema, pretrained=source, remap_classes=settings.cls_remap
        )

    def trainable(
        self,
        network: nn.Module,
        like: LoadedModel,
        names: Mapping[int, str],
        schema: KeypointSchema | None,
        license: str | None,
    ) -> YoloTraining:
        """Return a network as one that can be trained; it knows its class names itself."""
        network = cast(YoloNetwork, network)
        points = schema if network.definition.kpt_shape else None
        return YoloTraining(LoadedModel(network=network, schema=points, settings=like.settings, license=license))

    def copy_matching(self, target: LoadedModel, source: KnownNetwork) -> tuple[int, int]:
        """Copy the weights whose name and shape match; return how many did, of how many.

        Raises:
            SettingError: `source` is of another family.
            CheckpointError: only one of the two networks is fused.
        """
        return copy_matching(target, _yolo(source))

    def renew(self, model: LoadedModel) -> None:
        """Give every weight a fresh random value."""
        names, device = model.network.names, next(model.network.parameters()).device
        model.network = YoloNetwork(model.network.definition).eval().to(device)
        model.network.names = names

    def fuse(self, model: LoadedModel, *, one2one: bool) -> None:
        """Fold batch norms into convolutions, and leave out the branches that are not asked for."""
        if not is_fused(model.network):
            branch: Branch = "one2one" if one2one and model.network.definition.end2end else "one2many"
            model.network = fuse_network(model.network, branch)

    def last_map(self, model: LoadedModel) -> int:
        """Return the number of the last layer before the head."""
        return len(model.network.model) - 2

    def cost(self, model: LoadedModel, size: tuple[int, int]) -> NetworkCost:
        """Return parameters and arithmetic for inputs of (H, W) pixels."""
        return network_cost(model.network, size)

    def facts(self, model: LoadedModel) -> Mapping[str, Any]:
        """Return the cost, also of the fused network, the strides, and the input size."""
        plain, fused = network_cost(model.network), network_cost(fuse_network(model.network))
        return {
            "layers": f"{plain.layers} ({fused.layers} fused)",
            "parameters": f"{plain.parameters:,} ({fused.parameters:,} fused)",
            "GFLOPs": f"{plain.gflops:.1f} ({fused.gflops:.1f} fused) at 640x640",
            "strides": ", ".join(f"{stride:g}" for stride in model.network.strides),
            "input size": model.settings.get("imgsz", DEFAULT_IMGSZ),
        }


def _yolo(model: KnownNetwork) -> LoadedModel:
    if not isinstance(model, LoadedModel):
        raise SettingError("the weights are those of another family: a YOLO network takes over those of YOLO networks")
    return model
