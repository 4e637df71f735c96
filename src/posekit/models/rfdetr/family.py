"""RF-DETR as a family of networks (see `models.family`)."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from posekit.checkpoint.record import Checkpoint
from posekit.config.settings import PredictSettings, TrainSettings, ValSettings
from posekit.errors import ModelDefinitionError, NotInThisReleaseError, SettingError
from posekit.files.reading import read_yaml
from posekit.log import LOGGER
from posekit.models.contract import KnownNetwork, NetworkCost
from posekit.models.rfdetr.architecture import FAMILY, Layout, from_definition, layout_of_size, published_layout
from posekit.models.rfdetr.inference import RFDETRInference, RFDETRValidation
from posekit.models.rfdetr.model import RFDETRModel, at_resolution, contents_of, model_from_checkpoint, model_from_file
from posekit.models.rfdetr.network import RFDETRNetwork, set_initial_weights
from posekit.models.rfdetr.training import RFDETRTraining, recipe_for
from posekit.models.rfdetr.weights import AnyNetwork, build_network, read_weights_file, start_from_state
from posekit.schema.schema import KeypointSchema


def network_cost(network: AnyNetwork, size: tuple[int, int]) -> NetworkCost:
    """Measure a network for inputs of (H, W) pixels: matrix products, convolutions and attention are counted."""
    twin = deepcopy(network).to("meta").eval().requires_grad_(False)  # only shapes are computed
    with FlopCounterMode(display=False) as counter:
        twin(torch.zeros(1, 3, *size, device="meta"))
    return NetworkCost.of(network, counter.get_total_flops())


REFERENCE_SUFFIX: Final = ".pth"


PERSON: Final = {0: "person"}


class ReadyRFDETR:
    """Keeps a network on the device that it was last asked for."""

    def __init__(self) -> None:
        self._inference: RFDETRInference | None = None
        self._key: tuple[Any, ...] = ()

    def inference(self, model: RFDETRModel, settings: PredictSettings, device: torch.device) -> RFDETRInference:
        """Return the model ready to predict; the same one until network, names, device or precision change."""
        return self._get(model, device, half=settings.half and device.type != "cpu")

    def validation(self, model: RFDETRModel, settings: ValSettings, device: torch.device) -> RFDETRValidation:
        """Return the model ready to be measured."""
        return RFDETRValidation(self._get(model, device, half=settings.half and device.type != "cpu"))

    def _get(self, model: RFDETRModel, device: torch.device, *, half: bool) -> RFDETRInference:
        key = (id(model.network), device, half, model.schema, dict(model.names))
        if self._inference is None or self._key != key:
            model.network.eval()
            self._inference, self._key = RFDETRInference(model, device=device, half=half), key
        return self._inference


class RFDETRFamily:
    """RF-DETR detectors, pose models, and the keypoint preview."""

    name = "RF-DETR"

    def build(self, definition: str) -> RFDETRModel | None:
        """Return a network with random weights for ``rfdetr-pose-nano.yaml``, ``rf-detr-nano.yaml`` and the like.

        A YAML file with ``family: rfdetr`` names a ``size`` and what differs from it. None for others.

        Raises:
            ModelDefinitionError: a part of such a file is missing or of the wrong kind.
        """
        path = Path(definition)
        layout = _layout_in(path) if path.is_file() else published_layout(path.stem)
        return None if layout is None else _new_model(layout)

    def read_reference(self, path: Path) -> Checkpoint | None:
        """Return what a ``.pth`` file of the reference implementation holds; None for other files.

        Raises:
            CheckpointError: the file is damaged, unsafe, or holds no RF-DETR network.
        """
        if path.suffix.lower() != REFERENCE_SUFFIX:
            return None
        return contents_of(model_from_file(read_weights_file(path)), path)

    def owns(self, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint holds an RF-DETR network."""
        return checkpoint.definition.get("family") == FAMILY

    def load(self, checkpoint: Checkpoint) -> RFDETRModel:
        """Return the model of a checkpoint.

        Raises:
            CheckpointError: weights and definition do not fit together.
            ModelDefinitionError: the definition is damaged.
        """
        return model_from_checkpoint(checkpoint)

    def contents(self, model: RFDETRModel, path: str | Path) -> Checkpoint:
        """Return what a checkpoint of a model holds."""
        return contents_of(model, path)

    def ready(self) -> ReadyRFDETR:
        """Return what keeps a model ready."""
        return ReadyRFDETR()

    def training_settings(self, model: RFDETRModel, imgsz: int | None) -> Mapping[str, Any]:
        """Return the settings of the recipe for an input size.

        Raises:
            SettingError: the network cannot take pictures of this size.
        """
        return recipe_for(_resized(model.layout, imgsz).architecture).settings

    def for_dataset(
        self,
        model: RFDETRModel,
        *,
        names: Mapping[int, str],
        schema: KeypointSchema | None,
        pretrained: KnownNetwork | None,
        settings: TrainSettings,
    ) -> RFDETRTraining:
        """Return a network like that of `model` for the classes and keypoints of a data set.

        Raises:
            NotInThisReleaseError: `model` is the keypoint preview.
            SettingError: `pretrained` is of another family, or the input size is not possible.
            CheckpointError: `pretrained` is of another size.
        """
        if model.layout.slots is not None:
            raise NotInThisReleaseError(
                "the RF-DETR keypoint preview predicts, but cannot be trained yet: take rfdetr-pose-nano.yaml"
            )
        points = schema if model.layout.keypoints else None
        layout = replace(
            _resized(model.layout, settings.imgsz),
            class_rows=max(names) + 2,  # one more than classes; no object ever has it
            keypoints=0 if points is None else points.count,
        )
        made = _new_model(layout, names=dict(names), schema=points)
        if pretrained is not None:
            source = _rfdetr(pretrained)
            new = start_from_state(made.network, layout, source.network.state_dict(), source.layout, "weights")
            total = len(made.network.state_dict())
            LOGGER.info("Transferred %d/%d items", total - len(new), total)
        return RFDETRTraining(
            replace(made, settings=dict(model.settings), license=None if pretrained is None else pretrained.license)
        )

    def trainable(
        self,
        network: nn.Module,
        like: RFDETRModel,
        names: Mapping[int, str],
        schema: KeypointSchema | None,
        license: str | None,
    ) -> RFDETRTraining:
        """Return a network as one that can be trained.

        Raises:
            SettingError: the network is of another family.
        """
        if not isinstance(network, RFDETRNetwork):
            raise SettingError(f"{type(network).__name__} is no RF-DETR network that can be trained")
        layout = Layout(architecture=network.architecture, class_rows=network.class_rows, keypoints=network.keypoints)
        return RFDETRTraining(
            RFDETRModel(
                network=network,
                layout=layout,
                names=dict(names),
                schema=_with_visibility(schema) if network.keypoints else None,
                settings=dict(like.settings),
                license=license,
            )
        )

    def copy_matching(self, target: RFDETRModel, source: KnownNetwork) -> tuple[int, int]:
        """Copy the weights whose name and shape match; return how many did, of how many.

        Raises:
            SettingError: `source` is of another family.
        """
        own, given = target.network.state_dict(), _rfdetr(source).network.state_dict()
        matching = {name: given[name] for name in own if name in given and own[name].shape == given[name].shape}
        target.network.load_state_dict(matching, strict=False)
        return len(matching), len(own)

    def renew(self, model: RFDETRModel) -> None:
        """Give every weight a fresh random value."""
        device = next(model.network.parameters()).device
        model.network = _new_model(model.layout, names=model.names, schema=model.schema).network.to(device)

    def fuse(self, model: RFDETRModel, *, one2one: bool) -> None:
        """Do nothing: there are no batch norms."""

    def last_map(self, model: RFDETRModel) -> int:
        """Return the number of the memory, which comes after the maps of the backbone."""
        return len(model.layout.architecture.taps)

    def cost(self, model: RFDETRModel, size: tuple[int, int]) -> NetworkCost:
        """Return parameters and arithmetic for inputs of (H, W) pixels."""
        return network_cost(model.network, size)

    def facts(self, model: RFDETRModel) -> Mapping[str, Any]:
        """Return the cost at the network's own resolution, and what inputs are multiples of."""
        architecture = model.layout.architecture
        side = architecture.resolution
        cost = network_cost(model.network, (side, side))
        return {
            "layers": cost.layers,
            "parameters": f"{cost.parameters:,}",
            "GFLOPs": f"{cost.gflops:.1f} at {side}x{side}",
            "decoder": f"{architecture.decoder_layers} layers, {architecture.queries} queries",
            "stride": architecture.stride,
            "input size": side,
        }


def _layout_in(path: Path) -> Layout | None:
    """Return the layout that a file describes; None when it describes another family's network."""
    try:
        content = read_yaml(path, ModelDefinitionError)
    except ModelDefinitionError:
        return None  # the family whose files have no mark tells what is wrong with it
    if not isinstance(content, dict) or content.get("family") != FAMILY:
        return None
    return layout_of_size(content, str(path)) if "size" in content else from_definition(content, str(path))


def _new_model(
    layout: Layout, *, names: dict[int, str] | None = None, schema: KeypointSchema | None = None
) -> RFDETRModel:
    """Return a model with random weights."""
    network = build_network(layout)
    set_initial_weights(network)
    if names is None:
        names = PERSON if layout.class_rows == len(PERSON) + 1 else {i: str(i) for i in range(layout.class_rows - 1)}
    if schema is None and layout.keypoints:
        schema = KeypointSchema.for_shape((layout.keypoints, 3))
    return RFDETRModel(network=network, layout=layout, names=names, schema=_with_visibility(schema))


def _resized(layout: Layout, imgsz: int | None) -> Layout:
    """Return a layout for inputs of about `imgsz` pixels: rounded up to what patches and windows need."""
    architecture = layout.architecture
    if imgsz is None or imgsz == architecture.resolution:
        return layout
    side = -(-imgsz // architecture.stride) * architecture.stride
    return replace(layout, architecture=at_resolution(architecture, side))


def _with_visibility(schema: KeypointSchema | None) -> KeypointSchema | None:
    """Return the schema with visibility: the pose head always tells it."""
    return schema and replace(schema, shape=(schema.count, 3))


def _rfdetr(model: KnownNetwork) -> RFDETRModel:
    if not isinstance(model, RFDETRModel):
        raise SettingError(
            "the weights are those of another family: an RF-DETR network takes over those of RF-DETR networks"
        )
    return model
