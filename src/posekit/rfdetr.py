"""RF-DETR pose models as objects: `RFDETRPose` and its sizes, and the official keypoint preview.

`YOLO` opens such models, too, with all that it does; these classes speak `supervision`.

from posekit import RFDETRPoseNano

detections = RFDETRPoseNano(pretrain_weights="pose.pth").predict("street.jpg", threshold=0.5)
keypoints = detections.data["keypoints"]  # (n, K, 3)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from torch import Tensor

from posekit.checkpoint.checkpoint import save_checkpoint
from posekit.config.read import build, resolve
from posekit.config.settings import ExportSettings, PredictSettings, ValSettings
from posekit.engine.device import select_device
from posekit.engine.validation_run import open_validation
from posekit.engine.validator import Validator
from posekit.errors import SettingError
from posekit.files.writing import naming_errors
from posekit.io.source import read_rgb
from posekit.metrics.report import Metrics
from posekit.models.opening import OpenModel
from posekit.models.rfdetr.architecture import POSE_MODELS, STARTING_WEIGHTS
from posekit.models.rfdetr.decode import covariance
from posekit.models.rfdetr.family import PoseOptions, open_rfdetr, pose_model, read_rfdetr_tensors
from posekit.models.rfdetr.model import RFDETRModel
from posekit.models.rfdetr.training import SETTINGS
from posekit.ops.boxes import clip_boxes
from posekit.results.detected import Detected
from posekit.schema.schema import KeypointSchema
from posekit.tasks import TRAINERS

VISIBLE_FROM: Final = 0.5
VISIBLE: Final = 2
NAMES: Final = {"dataset_dir": "data", "batch_size": "batch", "lr": "lr0", "num_workers": "workers"}
DETECTION: Final = "detection"  # the published detection weights of a model's size, as the start of training
PREVIEW_WEIGHTS: Final = "rf-detr-keypoint-preview-xlarge.pth"


def to_supervision(found: Detected[Tensor], size: tuple[int, int], names: dict[int, str]) -> Any:
    """Return `sv.Detections` in pixels of a picture.

    ``data["keypoints"]`` is (n, K, 3) float32 x, y in pixels and 2 where the confidence is above 0.5, else 0;
    ``data["keypoints_confidence"]`` is (n, K) float32 in 0 ... 1; ``data["covariance"]`` is (n, K, 2, 2) float32 in
    square pixels, NaN without a keypoint, from networks that know how sure they are.

    Args:
        found: detections as fractions of the picture.
        size: (h, w) of the picture.
        names: class names by index.
    """
    import supervision as sv

    height, width = size
    corner = found.boxes.new_tensor((width, height))
    classes = found.classes.cpu().numpy()
    data: dict[str, Any] = {"class_name": np.array([names[int(index)] for index in classes], dtype=str)}
    if found.keypoints is not None:
        confidence = found.keypoints[..., 2].cpu().numpy()
        places = (found.keypoints[..., :2] * corner).cpu().numpy()
        visible = np.where(confidence > VISIBLE_FROM, VISIBLE, 0)[..., None].astype(np.float32)
        data["keypoints"] = np.concatenate((places, visible), 2)
        data["keypoints_confidence"] = confidence
    if found.precision is not None:
        data["covariance"] = covariance(found.precision, size).cpu().numpy()
    return sv.Detections(
        xyxy=clip_boxes(found.boxes * corner.repeat(2), size).cpu().numpy(),
        confidence=found.scores.cpu().numpy(),
        class_id=classes,
        data=data,
    )


def settings_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings for arguments of either name; ``output_dir`` becomes the folder of the run.

    ``grad_accum_steps`` batches make a step, so that the nominal batch is as many times larger.

    Raises:
        SettingError: an argument is given under both of its names, or ``grad_accum_steps`` is no number of batches.
    """
    twice = [f"{name} and {ours}" for name, ours in NAMES.items() if name in arguments and ours in arguments]
    if twice:
        raise SettingError(f"{twice[0]} are two names of one setting: give one of them")
    settings = {NAMES.get(name, name): value for name, value in arguments.items()}
    folder, steps = settings.pop("output_dir", None), settings.pop("grad_accum_steps", None)
    if folder is not None:
        path = Path(folder).absolute()
        settings |= {"project": str(path.parent), "name": path.name, "exist_ok": True}
    if steps is not None:
        if type(steps) is not int or steps < 1:
            raise SettingError(f"grad_accum_steps={steps!r} must be a number of batches, 1 or more")
        settings["nbs"] = settings.get("batch", SETTINGS["batch"]) * steps
    return settings


class RFDETR:
    """An RF-DETR model.

    Args:
        model: network, names and keypoints.
        device: ``cpu``, ``mps``, ``0``, ...; None for the best there is.
        name: of exported files.
    """

    def __init__(self, model: RFDETRModel, *, device: str | None = None, name: str = "rfdetr") -> None:
        self.device = select_device(device)
        self._name = name
        self._hold(model)

    @property
    def names(self) -> dict[int, str]:
        """Class names by index."""
        return self.model.names

    @property
    def schema(self) -> KeypointSchema | None:
        """The keypoints; None without."""
        return self.model.schema

    @property
    def resolution(self) -> int:
        """Side of the network input in pixels."""
        return self.model.layout.architecture.resolution

    def predict(self, images: Any, threshold: float = 0.5) -> Any:
        """Find objects and their keypoints.

        Args:
            images: a PIL image, a path or URL, an RGB array (H, W, 3) of uint8 or of floats in [0, 1], an RGB tensor
                (3, H, W) in [0, 1], or a list of these, which goes through the network together.
            threshold: detections must score higher.

        Returns:
            One `supervision.Detections` per picture, best first, in pixels of the picture (see
            `to_supervision`); a list for a list.

        Raises:
            SettingError: the threshold is outside 0 ... 1.
            SourceNotFoundError, SourceTypeError, SourceValueError, UnreadableImageError: a picture cannot be used.
        """
        if not 0 <= threshold <= 1:
            raise SettingError(f"threshold={threshold} must be from 0 to 1")
        if isinstance(images, (list, tuple)):
            return self._predict(list(images), threshold) if images else []
        return self._predict([images], threshold)[0]

    def train(self, **arguments: Any) -> Metrics:
        """Train on labelled pictures; afterwards this object holds the best weights.

        Args:
            **arguments: ``data`` (or ``dataset_dir``), ``epochs`` and other settings of `TrainSettings`;
                ``batch_size``, ``grad_accum_steps``, ``lr``, ``num_workers`` and ``output_dir`` are understood, too.
                What is not given is as in `posekit.models.rfdetr.training`.

        Returns:
            The numbers of the best weights.

        Raises:
            UnknownSettingError, SettingTypeError, SettingError: a setting is wrong.
            DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: the data set is.
            NotInThisReleaseError: this is the keypoint preview.
            TrainingError: losses are no numbers, again and again.
        """
        trainer = TRAINERS[self.model.task](overrides=settings_of(arguments))
        trainer.start = OpenModel(loaded=self.model, checkpoint=None, trained=True)
        metrics = trainer.train()
        self._hold(open_rfdetr(trainer.best if trainer.best.is_file() else trainer.last))
        return metrics

    def val(self, **settings: Any) -> Metrics:
        """Measure the model against labelled pictures.

        Args:
            **settings: see `ValSettings`; ``data`` among them.

        Raises:
            UnknownSettingError, SettingTypeError, SettingError: a setting is wrong.
            DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: the data set is.
        """
        checked = build(ValSettings, resolve(ValSettings, settings))
        validator = Validator()
        validator.model = self._inference
        return validator.run(open_validation(checked, self._inference))

    def save(self, path: str | Path) -> None:
        """Write the model to a ``.pt`` or ``.safetensors`` file.

        Raises:
            CheckpointError: another suffix.
            OutputError: the file cannot be written.
        """
        save_checkpoint(path, self.model.contents(path))

    def export(self, output_dir: str | Path = "output", *, format: str = "onnx", **settings: Any) -> str:
        """Write the model in another format, and check what was written against it; this object stays as it is.

        Args:
            output_dir: folder, made if it is not there; the file is named after the weights, or the size.
            format: ``onnx``, ``openvino``, ``tflite``, ``ncnn``, ...
            **settings: see `ExportSettings`: ``imgsz``, ``half``, ``dynamic``, ``nms`` and so on.

        Returns:
            The file or folder, which ``YOLO`` opens.

        Raises:
            UnknownSettingError, SettingTypeError, SettingError: a setting is wrong, or the format has no such thing.
            MissingExtraError: the converter is not installed; the message names the extra that brings it.
            ExportError: the converter failed, or the file gives other results than the model.
            OutputError: the folder or file cannot be written.
        """
        from posekit.export.export import export_network

        checked = build(ExportSettings, resolve(ExportSettings, {"format": format, **settings}))
        folder = Path(output_dir)
        with naming_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return str(export_network(self.model, checked, folder / f"{self._name}.pth"))

    def _hold(self, model: RFDETRModel) -> None:
        self.model = model
        self._inference = model.ready(PredictSettings(), self.device)

    def _predict(self, images: list[Any], threshold: float) -> list[Any]:
        pictures = [read_rgb(image) for image in images]
        found = self._inference.find_in(pictures, PredictSettings(conf=threshold))
        return [
            to_supervision(part, (picture.shape[0], picture.shape[1]), self.names)
            for part, picture in zip(found, pictures, strict=True)
        ]


class RFDETRPose(RFDETR):
    """A pose model of the default size, medium.

    Args:
        pretrain_weights: a file of pose weights, or of detection weights to start training from; by default the
            published detection weights of the size. None for random weights.
        num_keypoints: K; by default as many as the names, or as the file has, else 17.
        keypoint_names: K names.
        skeleton: limbs as pairs of point indices, from 0.
        num_classes: how many classes there are.
        resolution: side of the network input in pixels; by default that of the file, or of the size.
        device: ``cpu``, ``mps``, ``0``, ...; None for the best there is.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        CheckpointError: the file is damaged, unsafe, or holds another kind of network.
        SchemaError: names, skeleton and number of keypoints contradict each other.
        SettingError: the resolution is not possible.
    """

    size: ClassVar[str] = "rfdetr-pose-medium"

    def __init__(
        self,
        *,
        pretrain_weights: str | Path | None = DETECTION,
        num_keypoints: int | None = None,
        keypoint_names: Sequence[str] | None = None,
        skeleton: Sequence[Sequence[int]] | None = None,
        num_classes: int | None = None,
        resolution: int | None = None,
        device: str | None = None,
    ) -> None:
        is_default = pretrain_weights == DETECTION
        if is_default:
            pretrain_weights = STARTING_WEIGHTS[self.size]
        options = PoseOptions(
            num_keypoints=num_keypoints,
            keypoint_names=keypoint_names,
            skeleton=skeleton,
            num_classes=num_classes,
            resolution=resolution,
        )
        file = None if pretrain_weights is None else read_rfdetr_tensors(pretrain_weights)
        name = self.size if is_default or pretrain_weights is None else Path(pretrain_weights).stem
        super().__init__(pose_model(POSE_MODELS[self.size], file, options), device=device, name=name)


class RFDETRPoseNano(RFDETRPose):
    """The smallest and fastest pose model; see `RFDETRPose`."""

    size = "rfdetr-pose-nano"


class RFDETRPoseSmall(RFDETRPose):
    """A small pose model; see `RFDETRPose`."""

    size = "rfdetr-pose-small"


class RFDETRPoseMedium(RFDETRPose):
    """The default pose model; see `RFDETRPose`."""


class RFDETRPoseLarge(RFDETRPose):
    """The largest pose model; see `RFDETRPose`."""

    size = "rfdetr-pose-large"


class RFDETRKeypointPreview(RFDETR):
    """The official keypoint preview, which also tells how sure it is of each keypoint.

    Args:
        pretrain_weights: its file.
        device: ``cpu``, ``mps``, ``0``, ...; None for the best there is.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        CheckpointError: the file is damaged, unsafe, or holds another kind of network.
    """

    def __init__(self, *, pretrain_weights: str | Path = PREVIEW_WEIGHTS, device: str | None = None) -> None:
        super().__init__(open_rfdetr(pretrain_weights), device=device, name=Path(pretrain_weights).stem)
