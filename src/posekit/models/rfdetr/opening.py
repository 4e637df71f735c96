"""Opens RF-DETR weights by name."""

from pathlib import Path
from typing import Final

from posekit.checkpoint.contents import Checkpoint
from posekit.checkpoint.locate import locate_weights
from posekit.checkpoint.read import read_checkpoint
from posekit.config.user_settings import load_user_settings
from posekit.errors import CheckpointError
from posekit.models.rfdetr.definition import FAMILY
from posekit.models.rfdetr.model import RFDETRModel, model_from_checkpoint, model_from_file
from posekit.models.rfdetr.weights_file import WeightsFile, read_weights_file

REFERENCE_SUFFIX: Final = ".pth"


def open_rfdetr(name: str | Path) -> RFDETRModel:
    """Open weights: a ``.pth`` file of the reference implementation, or one of our own files.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        CheckpointError: the file is damaged, unsafe, or holds no RF-DETR network.
        ModelDefinitionError: the definition in one of our own files is damaged.
    """
    path = find_rfdetr(name)
    if path.suffix.lower() == REFERENCE_SUFFIX:
        return model_from_file(read_weights_file(path))
    return model_from_checkpoint(_own(path))


def read_rfdetr_tensors(name: str | Path) -> WeightsFile:
    """Read the tensors of such a file, to start another network with them.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        CheckpointError: the file is damaged, unsafe, or holds no RF-DETR network.
    """
    path = find_rfdetr(name)
    if path.suffix.lower() == REFERENCE_SUFFIX:
        return read_weights_file(path)
    checkpoint = _own(path)
    names = [] if checkpoint.schema is None else list(checkpoint.schema.names)
    options = {"class_names": list(checkpoint.names.values()), "keypoint_names": names}
    return WeightsFile(path=checkpoint.path, state=checkpoint.state, options=options)


def find_rfdetr(name: str | Path) -> Path:
    """Return the file that a name means, in the user's weights folder too; published weights are fetched.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
    """
    return locate_weights(name, weights_dir=Path(load_user_settings().weights_dir))


def _own(path: Path) -> Checkpoint:
    checkpoint = read_checkpoint(path)
    if checkpoint.definition.get("family") != FAMILY:
        raise CheckpointError(f"{path}: the file holds no RF-DETR network; open it with YOLO(...)")
    return checkpoint
