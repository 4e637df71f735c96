"""What a YOLO network offers to the engine for training (see `models.contract`)."""

from collections.abc import Collection, Mapping, Sequence
from math import ceil
from typing import Any, cast

import torch
from torch import Tensor, nn

from posekit.checkpoint.record import Checkpoint
from posekit.config.settings import DetectionSettings, TrainSettings, ValSettings
from posekit.errors import SettingError
from posekit.log import LOGGER
from posekit.models.contract import Criterion, Detected, Recipe
from posekit.models.yolo.heads import PREFIX, Outputs
from posekit.models.yolo.inference import MIN_STRIDE, YoloInference, YoloValidation, points_of_classes, wait_for
from posekit.models.yolo.losses.criterion import class_weights, make_criterion
from posekit.models.yolo.network import YoloNetwork
from posekit.models.yolo.weights import LoadedModel, build_for_training, contents_of, transfer_weights
from posekit.sample import Batch
from posekit.schema.schema import KeypointSchema


def boosted_parameters(network: YoloNetwork) -> frozenset[str]:
    """Return the full names of the parameters of the class branches, semantic ones included."""
    head = f"model.{len(network.model) - 1}"
    starts = tuple(f"{head}.{PREFIX[branch]}cv3." for branch in network.head.branches)
    return frozenset(
        name for name, _ in network.named_parameters() if name.startswith((*starts, f"{head}.proto.semseg."))
    )


BATCH_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)


def freeze_layers(network: YoloNetwork, freeze: int | Sequence[int | str] | None) -> tuple[str, ...]:
    """Turn off the gradients of the frozen parts of a network, and turn on all others.

    The bin values of DFL are always frozen.

    Args:
        network: the network.
        freeze: the number of first layers, or a list of layers by index or dotted name, such as ``"23.cv2"``.

    Returns:
        How the names of frozen parameters start, for `rest_batch_norms`.

    Raises:
        SettingError: there is no such layer, or nothing would be left to train.
    """
    frozen = tuple(f"model.{layer}." for layer in _checked_layers(network, freeze))
    always = f"model.{len(network.model) - 1}.dfl."
    parameters = dict(network.named_parameters())
    if all(name.startswith((*frozen, always)) for name in parameters):
        raise SettingError(f"freeze={freeze} freezes the whole network: leave its head ({len(network.model) - 1}) out")
    for name, parameter in parameters.items():
        held = name.startswith((*frozen, always))
        if not held and not parameter.requires_grad:
            LOGGER.warning("%s was frozen without being named in freeze=%s: it is trained", name, freeze)
        parameter.requires_grad_(not held)
    return frozen


def rest_batch_norms(network: nn.Module, frozen: Sequence[str]) -> None:
    """Put the batch norms of frozen parts into evaluation mode; to be called after each ``network.train()``.

    Args:
        network: the network, not wrapped.
        frozen: what `freeze_layers` returned.
    """
    for name, module in network.named_modules():
        if isinstance(module, BATCH_NORMS) and f"{name}.".startswith(tuple(frozen)):
            module.eval()


def _checked_layers(network: YoloNetwork, freeze: int | Sequence[int | str] | None) -> list[str]:
    count = len(network.model)
    layers = list(range(freeze)) if isinstance(freeze, int) else list(freeze or ())
    names = [str(layer) for layer in layers]
    known = {name for name, _ in network.model.named_modules()}
    for name in names:
        if name not in known:
            raise SettingError(
                f"freeze={freeze}: this network has no layer {name!r}; its layers are 0 to {count - 1}, "
                f"and parts of them have names such as '{count - 1}.cv2'"
            )
    return names


class YoloTraining:
    """A YOLO network for the classes and keypoints of a data set.

    Args:
        loaded: the network, its schema, and what its file says.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self.network: YoloNetwork = loaded.network
        self.task = loaded.network.task
        self.names = dict(loaded.network.names)
        self.schema = loaded.schema
        self.stride = max(MIN_STRIDE, loaded.network.max_stride)
        self.recipe = Recipe()
        self._frozen: tuple[str, ...] = ()

    @classmethod
    def for_dataset(
        cls,
        model: LoadedModel,
        *,
        names: Mapping[int, str],
        schema: KeypointSchema | None,
        pretrained: LoadedModel | None,
        remap_classes: bool = True,
    ) -> "YoloTraining":
        """Build the network of `model` anew for the classes and keypoints of a data set.

        Args:
            model: whose definition is taken.
            names: class names of the data set.
            schema: its keypoints; None without.
            pretrained: whose weights are taken over where they fit; None starts from fresh ones.
            remap_classes: whether weights of classes follow their names.
        """
        source = None if pretrained is None else pretrained.network
        needs_points = model.network.definition.kpt_shape is not None
        kpt_shape = schema.shape if schema is not None and needs_points else None
        network = build_for_training(model.network.definition, names=names, kpt_shape=kpt_shape, source=source)
        network.names = dict(names)
        if source is not None:
            done = transfer_weights(network, source, remap_classes=remap_classes)
            LOGGER.info("Transferred %d/%d items", done.copied, done.total)
        return cls(
            LoadedModel(
                network=network,
                schema=schema if needs_points else None,
                settings=dict(model.settings),
                license=None if pretrained is None else pretrained.license,
            )
        )

    def criterion(self, settings: TrainSettings, sigmas: Sequence[float] | None, class_counts: Tensor) -> Criterion:
        """Return the losses of the task; `class_counts` (nc,) are labelled objects per class."""
        weights = class_weights(class_counts, settings.cls_pw) if settings.cls_pw else None
        points = points_of_classes(self.schema, len(self.names))
        return make_criterion(self.network, settings, sigmas, class_weights=weights, class_points=points)

    def boosted(self) -> Collection[str]:
        """Return the full names of the parameters of the class branches."""
        return boosted_parameters(self.network)

    def freeze(self, layers: int | Sequence[int | str] | None) -> None:
        """Turn off the gradients of some layers, and turn on all others.

        Raises:
            SettingError: there is no such layer, or nothing would be left to train.
        """
        self._frozen = freeze_layers(self.network, layers)

    def train(self) -> None:
        """Put the network into training mode, but for the batch norms of frozen layers."""
        self.network.train()
        rest_batch_norms(self.network, self._frozen)

    def load_size(self, size: tuple[int, int], imgsz: int) -> tuple[int, int]:
        """Return (h, w) with the long side at `imgsz`, enlarged if need be."""
        ratio = imgsz / max(size)
        height, width = (min(ceil(length * ratio), imgsz) for length in size)
        return height, width

    def validation(self, network: nn.Module, device: torch.device, settings: ValSettings) -> "UnfusedValidation":
        """Return a network as a model that can be measured, batch norms and both sets of branches included."""
        one2one = settings.nms is False
        return UnfusedValidation(
            UnfusedInference(cast(YoloNetwork, network), self.schema, device=device, one2one=one2one)
        )

    def checkpoint(self, network: nn.Module, path: str, settings: Mapping[str, Any]) -> Checkpoint:
        """Return what a file of a network holds, with its training settings."""
        made = LoadedModel(
            network=cast(YoloNetwork, network),
            schema=self.schema,
            settings=dict(settings),
            license=self.loaded.license,
        )
        return contents_of(made, path)


class UnfusedInference(YoloInference):
    """A network as it is, batch norms and all branches included; used in place, not copied."""

    def _made_ready(self, network: YoloNetwork) -> YoloNetwork:
        return network

    @torch.no_grad()
    def run_all(self, batch: Batch) -> Outputs:
        """Return the raw outputs of all branches."""
        outputs: Outputs = self.network(self.on_device(batch))
        wait_for(self.device)
        return outputs


class UnfusedValidation(YoloValidation):
    """A network as it is, as a model that can be measured: losses can be computed from what `run` returns."""

    def __init__(self, inference: UnfusedInference) -> None:
        super().__init__(inference)
        self._unfused = inference

    def run(self, batch: Batch, settings: DetectionSettings) -> Outputs:
        """Return the raw outputs of all branches."""
        return self._unfused.run_all(batch)

    def detect(
        self, outputs: Outputs, batch: Batch, settings: ValSettings, mask_size: tuple[int, int]
    ) -> list[Detected]:
        """Return the detections of the chosen branches; see `YoloValidation.detect`."""
        return super().detect(outputs[self._unfused.branch], batch, settings, mask_size)
