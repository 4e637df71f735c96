"""YOLOv8, YOLO11 and YOLO26 as a family: networks by definition and by checkpoint, to be trained, and merged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from posekit.checkpoint.record import Checkpoint
from posekit.config.settings import DEFAULT_IMGSZ, ExportSettings, PredictSettings, TrainSettings, ValSettings
from posekit.errors import ModelDefinitionError, SettingError
from posekit.files.reading import read_yaml
from posekit.log import LOGGER
from posekit.models.contract import Criterion, Deployed, Network, NetworkCost, Recipe
from posekit.models.exported.facts import Dialect
from posekit.models.shared import freeze
from posekit.models.yolo.definition import ModelDefinition, parse_definition
from posekit.models.yolo.deployed import deploy
from posekit.models.yolo.heads import PREFIX, Branch
from posekit.models.yolo.inference import ReadyNetwork, YoloInference, placing_of, points_of_classes
from posekit.models.yolo.losses.criterion import class_weights, make_criterion
from posekit.models.yolo.network import YoloNetwork, fuse_network, is_fused, network_cost
from posekit.models.yolo.presets import stock_definition
from posekit.models.yolo.weights import (
    build_for_training,
    checkpoint_of,
    multitask_definition,
    network_from_checkpoint,
    transfer_weights,
)
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


@dataclass(kw_only=True)
class LoadedModel:
    """A YOLO `Network`, whose class names are those of the network itself."""

    network: YoloNetwork
    schema: KeypointSchema | None
    settings: dict[str, Any] = field(default_factory=dict)
    license: str | None = None
    _ready: ReadyNetwork = field(default_factory=ReadyNetwork, init=False, repr=False, compare=False)

    @property
    def task(self) -> str:
        """detect, segment, pose or multitask."""
        return self.network.task

    @property
    def names(self) -> dict[int, str]:
        """Class names by index."""
        return self.network.names

    @property
    def last_map(self) -> int:
        """Number of the last layer before the head."""
        return len(self.network.model) - 2

    def ready(self, settings: PredictSettings | ValSettings, device: torch.device) -> YoloInference:
        """See `Network`: what predicts is a fused copy."""
        return self._ready.get(self.network, self.schema, settings, device)

    def training_settings(self, imgsz: int | None) -> Mapping[str, Any]:
        """See `Network`: the defaults of all settings are those of YOLO."""
        return {}

    def trainable(
        self,
        *,
        names: Mapping[int, str],
        schema: KeypointSchema | None,
        pretrained: Network | None,
        settings: TrainSettings,
    ) -> YoloTraining:
        """See `Network`."""
        source = None if pretrained is None else _yolo(pretrained).network
        points = schema if self.network.definition.kpt_shape is not None else None
        shape = None if points is None else points.shape
        network = build_for_training(self.network.definition, names=names, kpt_shape=shape, source=source)
        if source is not None:
            done = transfer_weights(network, source, remap_classes=settings.cls_remap)
            LOGGER.info("Transferred %d/%d items", done.copied, done.total)
        return YoloTraining(network, points, None if pretrained is None else pretrained.license)

    def as_trainable(
        self, network: nn.Module, names: Mapping[int, str], schema: KeypointSchema | None, license: str | None
    ) -> YoloTraining:
        """See `Network`: it knows its class names itself."""
        network = cast(YoloNetwork, network)
        return YoloTraining(network, schema if network.definition.kpt_shape else None, license)

    def contents(self, path: str | Path) -> Checkpoint:
        """See `Network`."""
        return checkpoint_of(self.network, self.schema, self.settings, self.license, path)

    def copy_matching(self, source: Network) -> tuple[int, int]:
        """See `Network`: class names and keypoints come along where this one has only placeholders for as many.

        Raises:
            CheckpointError: only one of the two networks is fused.
        """
        given = _yolo(source)
        copied = transfer_weights(self.network, given.network).copied
        if self.names == {index: str(index) for index in given.names}:
            self.network.names = dict(given.names)
        if given.schema and self.schema == KeypointSchema.for_shape(given.schema.shape):
            self.schema = given.schema
        return copied, len(self.network.state_dict())

    def renew(self) -> None:
        """See `Network`."""
        names, device = self.names, next(self.network.parameters()).device
        self.network = YoloNetwork(self.network.definition).eval().to(device)
        self.network.names = names

    def fuse(self, *, one2one: bool) -> None:
        """See `Network`: batch norms go into convolutions, and the other set of branches is left out."""
        if not is_fused(self.network):
            branch: Branch = "one2one" if one2one and self.network.definition.end2end else "one2many"
            self.network = fuse_network(self.network, branch)

    def cost(self, size: tuple[int, int]) -> NetworkCost:
        """See `Network`."""
        return network_cost(self.network, size)

    def facts(self) -> Mapping[str, Any]:
        """See `Network`."""
        plain, fused = network_cost(self.network), network_cost(fuse_network(self.network))
        return {
            "layers": f"{plain.layers} ({fused.layers} fused)",
            "parameters": f"{plain.parameters:,} ({fused.parameters:,} fused)",
            "GFLOPs": f"{plain.gflops:.1f} ({fused.gflops:.1f} fused) at 640x640",
            "strides": ", ".join(f"{stride:g}" for stride in self.network.strides),
            "input size": self.settings.get("imgsz", DEFAULT_IMGSZ),
        }

    def deployed(self, settings: ExportSettings, dialect: Dialect) -> Deployed:
        """See `Network`."""
        placing = placing_of(self.network)
        size = placing.input_size(settings.imgsz or self.settings.get("imgsz", DEFAULT_IMGSZ))
        own_points = points_of_classes(self.schema, len(self.names))
        return deploy(
            self.network, self.schema, settings, size, dialect,
            own_points=own_points, stride=placing.stride, license=self.license,
        )  # fmt: skip


def build(definition: str | Path) -> LoadedModel:
    """Return a network with random weights; every definition that is not another family's is taken for YOLO's.

    Args:
        definition: a YAML file, or the name of a stock network.

    Raises:
        ModelNotFoundError: there is no such file or stock network.
        ModelDefinitionError: the definition is wrong.
    """
    made = parse_definition(_read_definition(Path(definition)), name=str(definition))
    return LoadedModel(network=YoloNetwork(made).eval(), schema=_schema_for(made))


def load(checkpoint: Checkpoint) -> LoadedModel:
    """Return the network of a checkpoint; every one that is not another family's is taken for YOLO's.

    Raises:
        CheckpointError: weights and definition do not fit together.
        ModelDefinitionError: the definition names an unknown block.
    """
    network = network_from_checkpoint(checkpoint)
    return LoadedModel(
        network=network,
        schema=checkpoint.schema or _schema_for(network.definition),
        settings=checkpoint.remembered(),
        license=checkpoint.license,
    )


def merge_weights(pose: Network, segment: Network, *, body: Literal["pose", "segment"] = "pose") -> LoadedModel:
    """Put a pose and a segment network together.

    Backbone, neck, boxes and classes can come from one of the two only. The branches of the other have learned to
    read another body, so that what comes out has to be trained; it learns faster than fresh branches do.

    Args:
        pose: whose keypoint branches are taken.
        segment: whose mask branches and prototypes are taken.
        body: whose other layers and classes are taken.

    Returns:
        A multitask network with the keypoints of `pose`. With the body of `segment` the classes that have keypoints
        are those that `pose` knows by name.

    Raises:
        ModelDefinitionError: the two are no pose and no segment network, or differ in family or size.
        CheckpointError: one of the two is fused.
        SettingError: one of them is of another family.
    """
    pose, segment = _yolo(pose), _yolo(segment)
    definition = multitask_definition(pose.network.definition, segment.network.definition)
    first, last = (segment, pose) if body == "pose" else (pose, segment)
    network = build_for_training(definition, names=last.names, kpt_shape=definition.kpt_shape, source=last.network)
    for source in (first, last):  # what both have stays as the last one has it
        done = transfer_weights(network, source.network)
        LOGGER.info("Transferred %d/%d items of the %s network", done.copied, done.total, source.task)
    return LoadedModel(
        network=network.eval(),
        schema=_merged_schema(pose, last.names),
        settings={key: value for key, value in last.settings.items() if key == "imgsz"},
        license=" and ".join(dict.fromkeys(each.license for each in (pose, segment) if each.license)) or None,
    )


def _yolo(model: Network) -> LoadedModel:
    if not isinstance(model, LoadedModel):
        raise SettingError("the weights are those of another family: a YOLO network takes over those of YOLO networks")
    return model


def _read_definition(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return stock_definition(path.name if path.parent == Path() else str(path))
    data = read_yaml(path, ModelDefinitionError)
    if not isinstance(data, dict):
        raise ModelDefinitionError(f"{path} is no model definition: expected keys such as nc, backbone and head")
    return data


def _schema_for(definition: ModelDefinition) -> KeypointSchema | None:
    return KeypointSchema.for_shape(definition.kpt_shape) if definition.kpt_shape else None


def _merged_schema(pose: LoadedModel, names: dict[int, str]) -> KeypointSchema | None:
    """Return the keypoints of the pose network for the classes of the merged one."""
    if pose.schema is None or names == pose.names:
        return pose.schema
    numbers = {name: number for number, name in pose.names.items()}
    own = {number: pose.schema.points_of(numbers[name]) for number, name in names.items() if name in numbers}
    return pose.schema.for_classes({number: points for number, points in own.items() if points})
