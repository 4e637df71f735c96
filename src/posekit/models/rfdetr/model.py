"""`RFDETRModel`: an RF-DETR network with what is known of it, as `models.contract` wants one."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from posekit.checkpoint.record import Checkpoint
from posekit.config.settings import ExportSettings, PredictSettings, TrainSettings, ValSettings
from posekit.errors import NotInThisReleaseError, SettingError
from posekit.log import LOGGER
from posekit.models.contract import Deployed, Network, NetworkCost
from posekit.models.exported.facts import Dialect
from posekit.models.rfdetr.architecture import BASE, Architecture, Layout
from posekit.models.rfdetr.deployed import deploy
from posekit.models.rfdetr.inference import RFDETRInference
from posekit.models.rfdetr.network import RFDETRNetwork, set_initial_weights
from posekit.models.rfdetr.training import RFDETRTraining, training_settings
from posekit.models.rfdetr.weights import PERSON, AnyNetwork, build_network, checkpoint_of, start_from_state
from posekit.placing import Stretching
from posekit.schema.schema import KeypointSchema


@dataclass(kw_only=True)
class RFDETRModel:
    """An RF-DETR `Network`.

    Attributes:
        layout: what the network was built from.
        names: class names by index; class rows without a name are never reported.
    """

    network: AnyNetwork
    layout: Layout
    names: dict[int, str]
    schema: KeypointSchema | None
    settings: dict[str, Any] = field(default_factory=dict)
    license: str | None = None
    _inference: RFDETRInference | None = field(default=None, init=False, repr=False, compare=False)
    _key: tuple[Any, ...] = field(default=(), init=False, repr=False, compare=False)

    @property
    def task(self) -> str:
        """Pose with keypoints, else detect."""
        return "detect" if self.schema is None else "pose"

    @property
    def last_map(self) -> int:
        """Number of the memory, which comes after the maps of the backbone."""
        return len(self.layout.architecture.taps)

    def ready(self, settings: PredictSettings | ValSettings, device: torch.device) -> RFDETRInference:
        """See `Network`: what predicts is the network itself, which moves to the device."""
        half = settings.half and device.type != "cpu"
        key = (id(self.network), device, half, self.schema, dict(self.names))
        self.network.eval()
        if self._inference is None or self._key != key:
            self._inference = RFDETRInference(
                self.network, self.layout, self.names, self.schema, device=device, half=half
            )
            self._key = key
        if next(self.network.parameters()).device.type != device.type:  # the user has moved it
            self.network.to(device)
        return self._inference

    def training_settings(self, imgsz: int | None) -> Mapping[str, Any]:
        """See `Network`.

        Raises:
            SettingError: the network cannot take pictures of this size.
        """
        return training_settings(resized(self.layout, imgsz).architecture)

    def trainable(
        self,
        *,
        names: Mapping[int, str],
        schema: KeypointSchema | None,
        pretrained: Network | None,
        settings: TrainSettings,
    ) -> RFDETRTraining:
        """See `Network`.

        Raises:
            NotInThisReleaseError: this is the keypoint preview.
            SettingError: the input size is not possible.
            CheckpointError: `pretrained` is of another size.
        """
        if self.layout.slots is not None:
            raise NotInThisReleaseError(
                "the RF-DETR keypoint preview predicts, but cannot be trained yet: take rfdetr-pose-nano.yaml"
            )
        points = schema if self.layout.keypoints else None
        layout = replace(
            resized(self.layout, settings.imgsz),
            class_rows=max(names) + 2,  # one more than classes; no object ever has it
            keypoints=0 if points is None else points.count,
        )
        made = new_model(layout, names=dict(names), schema=points)
        if pretrained is not None:
            source = _rfdetr(pretrained)
            new = start_from_state(made.network, layout, source.network.state_dict(), source.layout, "weights")
            total = len(made.network.state_dict())
            LOGGER.info("Transferred %d/%d items", total - len(new), total)
        license = None if pretrained is None else pretrained.license
        return RFDETRTraining(made.network, layout, made.names, made.schema, license)

    def as_trainable(
        self, network: nn.Module, names: Mapping[int, str], schema: KeypointSchema | None, license: str | None
    ) -> RFDETRTraining:
        """See `Network`.

        Raises:
            SettingError: the network is of another family.
        """
        if not isinstance(network, RFDETRNetwork):
            raise SettingError(f"{type(network).__name__} is no RF-DETR network that can be trained")
        layout = Layout(architecture=network.architecture, class_rows=network.class_rows, keypoints=network.keypoints)
        points = with_visibility(schema) if network.keypoints else None
        return RFDETRTraining(network, layout, names, points, license)

    def contents(self, path: str | Path) -> Checkpoint:
        """See `Network`."""
        return checkpoint_of(self.network, self.layout, self.names, self.schema, self.settings, self.license, path)

    def copy_matching(self, source: Network) -> tuple[int, int]:
        """See `Network`."""
        own, given = self.network.state_dict(), _rfdetr(source).network.state_dict()
        matching = {name: given[name] for name in own if name in given and own[name].shape == given[name].shape}
        self.network.load_state_dict(matching, strict=False)
        return len(matching), len(own)

    def renew(self) -> None:
        """See `Network`."""
        device = next(self.network.parameters()).device
        self.network = new_model(self.layout, names=self.names, schema=self.schema).network.to(device)

    def fuse(self, *, one2one: bool) -> None:
        """See `Network`: there are no batch norms, and one set of branches."""

    def cost(self, size: tuple[int, int]) -> NetworkCost:
        """See `Network`: matrix products, convolutions and attention are counted."""
        twin = deepcopy(self.network).to("meta").eval().requires_grad_(False)  # only shapes are computed
        with FlopCounterMode(display=False) as counter:
            twin(torch.zeros(1, 3, *size, device="meta"))
        return NetworkCost.of(self.network, counter.get_total_flops())

    def facts(self) -> Mapping[str, Any]:
        """See `Network`: the cost is that at its own resolution."""
        architecture = self.layout.architecture
        side = architecture.resolution
        cost = self.cost((side, side))
        return {
            "layers": cost.layers,
            "parameters": f"{cost.parameters:,}",
            "GFLOPs": f"{cost.gflops:.1f} at {side}x{side}",
            "decoder": f"{architecture.decoder_layers} layers, {architecture.queries} queries",
            "stride": architecture.stride,
            "input size": side,
        }

    def deployed(self, settings: ExportSettings, dialect: Dialect) -> Deployed:
        """See `Network`: by default for inputs of its own resolution."""
        architecture = self.layout.architecture
        size = Stretching(architecture.stride).input_size(settings.imgsz or architecture.resolution)
        return deploy(
            self.network, self.layout, self.names, self.schema, settings, size, dialect, license=self.license
        )  # fmt: skip


def new_model(
    layout: Layout, *, names: dict[int, str] | None = None, schema: KeypointSchema | None = None
) -> RFDETRModel:
    """Return a model with random weights; without names and keypoints, with made-up ones."""
    network = build_network(layout)
    set_initial_weights(network)
    if names is None:
        names = {0: PERSON} if layout.class_rows == 2 else {i: str(i) for i in range(layout.class_rows - 1)}
    if schema is None and layout.keypoints:
        schema = KeypointSchema.for_shape((layout.keypoints, 3))
    return RFDETRModel(network=network, layout=layout, names=names, schema=with_visibility(schema))


def at_resolution(architecture: Architecture, resolution: int) -> Architecture:
    """Return an architecture for inputs of another size.

    Raises:
        SettingError: the side is no multiple of what patches and windows need.
    """
    if resolution < 1 or resolution % architecture.stride:
        raise SettingError(f"resolution={resolution} must be a multiple of {architecture.stride}")
    is_base = architecture.patch_size == BASE.patch_size
    grid = architecture.position_grid if is_base else resolution // architecture.patch_size
    return replace(architecture, resolution=resolution, position_grid=grid)


def resized(layout: Layout, imgsz: int | None) -> Layout:
    """Return a layout for inputs of about `imgsz` pixels: rounded up to what patches and windows need."""
    architecture = layout.architecture
    if imgsz is None or imgsz == architecture.resolution:
        return layout
    side = -(-imgsz // architecture.stride) * architecture.stride
    return replace(layout, architecture=at_resolution(architecture, side))


def with_visibility(schema: KeypointSchema | None) -> KeypointSchema | None:
    """Return the schema with visibility: the pose head always tells it."""
    return schema and replace(schema, shape=(schema.count, 3))


def _rfdetr(model: Network) -> RFDETRModel:
    if not isinstance(model, RFDETRModel):
        raise SettingError(
            "the weights are those of another family: an RF-DETR network takes over those of RF-DETR networks"
        )
    return model
