"""Opens models by name, of whatever family: definitions are built, weights are found and read."""

from pathlib import Path
from typing import Any, Final

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.checkpoint.weights import locate_weights
from posekit.config.user import load_user_settings
from posekit.errors import CheckpointError
from posekit.models.contract import Family, OpenModel
from posekit.models.rfdetr.family import RFDETRFamily
from posekit.models.yolo.family import YoloFamily

DEFINITION_SUFFIXES: Final = (".yaml", ".yml")
WEIGHT_SUFFIXES: Final = (".pt", ".pth", ".safetensors")
# The last one takes every definition and every checkpoint that is no other family's.
FAMILIES: Final[tuple[Family[Any], ...]] = (RFDETRFamily(), YoloFamily())

AnyModel = OpenModel[Any]


def open_model(name: str) -> AnyModel:
    """Open weights (``yolo11n-pose.pt``, a path, a bare stem) or a definition (``yolo11n-pose.yaml``).

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        ModelNotFoundError: no such definition.
        ModelDefinitionError: the definition is wrong.
        CheckpointError: the file is damaged, unsafe, or of a kind that posekit does not read.
    """
    if Path(name).suffix.lower() in DEFINITION_SUFFIXES:
        built = ((family, family.build(name)) for family in FAMILIES)
        family, model = next((family, model) for family, model in built if model is not None)
        return OpenModel(loaded=model, family=family, checkpoint=None, trained=False)
    return open_weights(name)


def open_weights(name: str) -> AnyModel:
    """Open a weight file by name; it is looked for in the user's weights folder, too.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        CheckpointError: the file is damaged, unsafe, or of a kind that posekit does not read.
    """
    suffix = Path(name).suffix.lower()
    if suffix and suffix not in WEIGHT_SUFFIXES and Path(name).exists():
        known = ", ".join((*WEIGHT_SUFFIXES, *DEFINITION_SUFFIXES))
        raise CheckpointError(f"{name}: this release reads models ending in {known}")
    path = locate_weights(name, weights_dir=Path(load_user_settings().weights_dir))
    for family in FAMILIES:
        checkpoint = family.read_reference(path)
        if checkpoint is not None:
            return OpenModel(loaded=family.load(checkpoint), family=family, checkpoint=checkpoint, trained=True)
    checkpoint = read_checkpoint(path)
    family = next(family for family in FAMILIES if family.owns(checkpoint))
    return OpenModel(loaded=family.load(checkpoint), family=family, checkpoint=checkpoint, trained=True)
