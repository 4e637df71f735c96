"""`YOLO`: the object that users hold. Thin: every method hands over to the room or the family that does the work."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from posekit.config.commands import MODES, TASKS, not_yet
from posekit.config.kinds import settings_of
from posekit.config.read import AnySettings, build, current_names, resolve
from posekit.config.settings import BenchmarkSettings, ExportSettings, PredictSettings, TrainSettings, ValSettings
from posekit.engine.callbacks import Callback, call_all, check_event
from posekit.errors import SettingError, UnknownAttributeError
from posekit.log import LOGGER, ensure_console

# What predicts, measures and trains is imported by the methods that do so: a program that only predicts starts without
# what trains, and one that only imports `YOLO` without either.
if TYPE_CHECKING:
    from posekit.engine.predictor import Predictor
    from posekit.engine.validator import Validator
    from posekit.export.benchmark import Benchmark
    from posekit.metrics.report import Metrics
    from posekit.models.contract import Network
    from posekit.models.opening import OpenModel
    from posekit.results.results import Results
    from posekit.tasks import DetectionTrainer

# These come before what `YOLO.overrides` remembers, and after what a call says.
PREDICT_DEFAULTS = {"conf": 0.25, "batch": 1, "rect": True}
VAL_DEFAULTS = {"rect": True}


class YOLO:
    """A network with everything users do with it; RF-DETR networks open, too, and exported files predict and validate.

    Args:
        model: weights (``yolo11n-pose.pt``, a path, or a bare stem), a definition (``yolo11n-pose.yaml``,
            ``rfdetr-pose-nano.yaml``), an exported file or folder (``yolo11n-pose.onnx``), or another `YOLO`, whose
            state is shared.
        task: expected task; the model's own wins, with a warning.
        verbose: print a line about the network.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        ModelNotFoundError: no such definition.
        CheckpointError: the file is damaged, unsafe, or of a kind that posekit does not read.
    """

    def __init__(
        self, model: "str | Path | YOLO" = "yolo26n-pose.pt", task: str | None = None, verbose: bool = False
    ) -> None:
        if isinstance(model, YOLO):
            self.__dict__ = model.__dict__
            return
        from posekit.models.opening import open_model

        ensure_console()
        self.model_name = str(model)
        self.callbacks: dict[str, list[Callback]] = {}
        self.predictor: Predictor | None = None
        self.trainer: DetectionTrainer | None = None
        self.metrics: Metrics | None = None
        self.transforms = None
        self._hold(open_model(self.model_name, task))
        self.cfg = self.model_name if self.ckpt_path is None else None
        self.overrides: dict[str, Any] = {"model": self.model_name, **self.loaded.settings, "task": self.task}
        if task is not None and task != self.task:
            known = f"{self.model_name} is a {self.task} model"
            if task not in TASKS:
                raise SettingError(f"task='{task}' is none of {', '.join(TASKS)}; {known}")
            LOGGER.warning("task=%s: %s, and the model decides", task, known)
        if verbose:
            self.info()

    def __call__(self, source: Any = None, stream: bool = False, **settings: Any) -> Any:
        """Predict; the same as `predict`."""
        return self.predict(source, stream, **settings)

    def predict(
        self, source: Any = None, stream: bool = False, predictor: "type[Predictor] | None" = None, **settings: Any
    ) -> "list[Results] | Iterator[Results] | list[Tensor] | Iterator[Tensor]":
        """Find objects and keypoints on pictures and videos.

        Args:
            source: anything that `posekit.io.open_source.open_source` reads; None takes synthetic scenes.
            stream: return a generator that keeps nothing, for long videos and live sources.
            predictor: a subclass of `Predictor` to use instead.
            **settings: see `PredictSettings`.

        Returns:
            One `Results` per picture or frame; with ``embed`` one feature vector (C,) per picture.

        Raises:
            UnknownSettingError, SettingTypeError, SettingError: a setting is wrong.
            SourceNotFoundError, SourceTypeError, SourceValueError, UnreadableImageError: the source is.
            DisplayError: ``show=True`` without a screen.
        """
        from posekit.engine.predictor import Predictor, open_run, results_list

        checked = self._settings(PredictSettings, PREDICT_DEFAULTS, settings)
        run = open_run(checked, source)
        self.predictor = self._predictor_for(checked, predictor or Predictor)
        if checked.embed is not None:
            vectors = self.predictor.embed(run)
            return vectors if stream else list(vectors)
        results = self.predictor.stream(run)
        return results if stream else results_list(results, run.source)

    def val(self, validator: "type[Validator] | None" = None, **settings: Any) -> "Metrics":
        """Measure the model against labelled pictures.

        Args:
            validator: a subclass of `Validator` to use instead.
            **settings: see `ValSettings`; ``data`` and ``imgsz`` are remembered from training.

        Returns:
            The numbers, which are kept as `metrics`, too.

        Raises:
            UnknownSettingError, SettingTypeError, SettingError: a setting is wrong.
            DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: the data set is.
            ProcessError: ``device`` names several, and a process on one of them was ended.
        """
        from posekit.engine.launch import Job, devices_to_start_on, refuse_code, run_job
        from posekit.engine.validation_run import find_remembered
        from posekit.engine.validator import Validator

        checked = self._settings(ValSettings, VAL_DEFAULTS | {"data": None}, settings)
        if checked.data is None:
            checked = replace(checked, data=find_remembered(self.overrides.get("data")))
        kind = validator or Validator
        devices = devices_to_start_on(checked.device)
        if devices:
            refuse_code(checked.device, self.callbacks, kind)
            job = Job(mode="val", task=self.task, settings=vars(checked))
            self.metrics = run_job(job, self._network("val on several devices").contents(self.model_name), devices)
        else:
            self.metrics = self._val_here(checked, kind)
        return self.metrics

    def train(self, trainer: "type[DetectionTrainer] | None" = None, **settings: Any) -> "Metrics":
        """Train on labelled pictures; afterwards this object holds the best weights.

        Args:
            trainer: a subclass of the task's trainer, such as `posekit.models.yolo.pose.PoseTrainer`, to use instead.
            **settings: see `TrainSettings`. ``resume=True`` or a checkpoint goes on with an interrupted run.

        Returns:
            The numbers of the best weights, which are kept as `metrics`, too.

        Raises:
            UnknownSettingError, SettingTypeError, SettingError: a setting is wrong.
            DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: the data set is.
            TrainingError: losses are no numbers, again and again.
            ProcessError: ``device`` names several, and a process on one of them was ended.
        """
        from posekit.engine.validation_run import find_remembered
        from posekit.models.opening import OpenModel, open_model
        from posekit.tasks import TRAINERS

        given = resolve(TrainSettings, settings)
        network, known = self._network("train"), dict[str, Any]()
        if given.get("data") is None and not given.get("resume"):
            known["data"] = find_remembered(self.overrides.get("data"))
        checked = self._settings(TrainSettings, known, given)
        kind = trainer or TRAINERS[self.task]
        self.trainer = kind(checked, given | {"model": self.model_name}, self.callbacks)
        self.trainer.start = OpenModel(loaded=network, checkpoint=self.ckpt, trained=self._trained)
        self.metrics = self.trainer.train()
        self._hold(open_model(str(self.trainer.best if self.trainer.best.is_file() else self.trainer.last)))
        self.overrides |= self.loaded.settings
        return self.metrics

    def export(self, **settings: Any) -> str:
        """Write the network in another format, beside its weights, and check what was written against it.

        Args:
            **settings: see `ExportSettings`: ``format``, ``imgsz``, ``half``, ``int8``, ``dynamic`` and so on.

        Returns:
            The file or folder, which ``YOLO`` opens.

        Raises:
            UnknownSettingError, SettingTypeError, SettingError: a setting is wrong, or the format has no such thing.
            MissingExtraError: the converter is not installed; the message names the extra that brings it.
            ExportError: the converter failed, or the file gives other results than the network.
            OutputError: the file cannot be written.
        """
        from posekit.checkpoint.weights import packaged_weights
        from posekit.export.export import ExportRun

        network = self._network("export")
        weights = Path(self.ckpt_path or self.model_name)
        if packaged_weights(weights.name) == weights or self.ckpt_path is None:
            weights = Path(weights.name)  # beside no file of the user's: into the current folder
        run = ExportRun(network, self._settings(ExportSettings, {"batch": 1, "data": None}, settings), weights)
        call_all(self.callbacks, "on_export_start", run)
        file = str(run.write())
        call_all(self.callbacks, "on_export_end", run)
        return file

    def benchmark(self, **settings: Any) -> "Benchmark":
        """Export the network in all formats, and measure how fast and how exact each file is beside PyTorch.

        Args:
            **settings: see `BenchmarkSettings`; ``format`` names one or several, ``data`` the labelled pictures,
                ``verbose=0.3`` demands an accuracy above that of each.

        Returns:
            The table: `rows`, `to_df()`, `to_csv()`; printing it shows it. A format that cannot be measured has a row
            that says why.

        Raises:
            UnknownSettingError, SettingTypeError, SettingError: a setting is wrong.
            DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: the data set is.
            BenchmarkError: a format is less accurate than demanded.
        """
        from posekit.engine.validation_run import find_remembered
        from posekit.export.benchmark import run_benchmark

        network = self._network("benchmark")
        checked = self._settings(BenchmarkSettings, {"batch": 1, "data": None}, settings)
        if checked.data is None:
            checked = replace(checked, data=find_remembered(self.overrides.get("data")))
        return run_benchmark(network, checked, Path(self.ckpt_path or self.model_name).stem)

    def embed(self, source: Any = None, **settings: Any) -> list[Tensor]:
        """Return one feature vector (C,) per picture, by default of the last layer before the head."""
        if settings.get("embed") is None:
            settings["embed"] = [self._network("embed").last_map]
        return self.predict(source, **settings)  # type: ignore[return-value]

    def load(self, weights: "str | Path | YOLO") -> "YOLO":
        """Copy the tensors of other weights whose name and shape match; return this object.

        Class names and keypoint names come along where this model has placeholders of the same number.

        Raises:
            CheckpointError: one of the two is fused and the other is not.
            SettingError: the two are of different families.
        """
        from posekit.models.opening import open_weights

        source = (
            weights._network("load") if isinstance(weights, YOLO) else open_weights(str(weights)).network_for("load")
        )
        copied, total = self._network("load").copy_matching(source)
        self._trained = True
        name = weights.model_name if isinstance(weights, YOLO) else weights
        LOGGER.info("Transferred %d/%d items from %s", copied, total, name)
        return self

    def save(self, filename: str | Path = "saved_model.pt") -> None:
        """Write the model as a posekit checkpoint (``.pt`` or ``.safetensors``): plain data, safe to load."""
        from posekit.checkpoint.checkpoint import save_checkpoint

        save_checkpoint(filename, self._network("save").contents(filename))

    def reset_weights(self) -> "YOLO":
        """Give every weight a fresh random value; return this object."""
        self._network("reset_weights").renew()
        self._trained = False
        return self

    def info(
        self, detailed: bool = False, verbose: bool = True, imgsz: int | tuple[int, int] = 640
    ) -> tuple[int, int, int, float] | None:
        """Print and return (layers, parameters, gradients, GFLOPs); None and silence with ``verbose=False``."""
        if not verbose:
            return None
        size = (imgsz, imgsz) if isinstance(imgsz, int) else imgsz
        cost = self._network("info").cost(size)
        if detailed:
            for name, parameter in self.network.named_parameters():
                LOGGER.info("%s %s %s", name, tuple(parameter.shape), "trained" if parameter.requires_grad else "fixed")
        LOGGER.info(
            "%s: %d layers, %s parameters, %s gradients, %.1f GFLOPs",
            Path(self.model_name).stem, cost.layers, f"{cost.parameters:,}", f"{cost.gradients:,}", cost.gflops,
        )  # fmt: skip
        return cost.layers, cost.parameters, cost.gradients, cost.gflops

    def fuse(self) -> "YOLO":
        """Fold batch norms into convolutions (prediction does so by itself, on a copy); return this object."""
        self._network("fuse").fuse(one2one=self.overrides.get("nms") is False)
        return self

    def add_callback(self, event: str, function: Callable[[Any], None]) -> None:
        """Call `function` with the running predictor (or trainer, ...) whenever `event` happens."""
        self.callbacks.setdefault(check_event(event), []).append(function)

    def clear_callback(self, event: str) -> None:
        """Remove all functions of one event."""
        self.callbacks.pop(check_event(event), None)

    def reset_callbacks(self) -> None:
        """Remove all functions of all events."""
        self.callbacks.clear()

    def to(self, *args: Any, **kwargs: Any) -> "YOLO":
        """Move or convert the network as `torch.nn.Module.to`; prediction follows to a device."""
        self.network.to(*args, **kwargs)
        if any(not isinstance(value, (bool, torch.dtype, torch.memory_format)) for value in (*args, *kwargs.values())):
            device = next(self.network.parameters()).device
            self.overrides["device"] = str(device) if device.type == "cuda" else device.type
        return self

    def cpu(self) -> "YOLO":
        """Move the network to main memory."""
        return self.to("cpu")

    def cuda(self, device: int = 0) -> "YOLO":
        """Move the network to a CUDA device."""
        return self.to(torch.device("cuda", device))

    def half(self) -> "YOLO":
        """Convert the weights to 16-bit floating point."""
        return self.to(torch.float16)

    def float(self) -> "YOLO":
        """Convert the weights to 32-bit floating point."""
        return self.to(torch.float32)

    def eval(self) -> "YOLO":
        """Set evaluation mode."""
        self.network.eval()
        return self

    @property
    def network(self) -> nn.Module:
        """The network itself."""
        return self._network("network").network

    @property
    def model(self) -> nn.Module:
        """The network itself, under its usual name."""
        return self.network

    @property
    def task(self) -> str:
        """detect, segment, pose or multitask."""
        return self.loaded.task

    @property
    def names(self) -> dict[int, str]:
        """Class names by index."""
        return self.loaded.names

    @property
    def device(self) -> torch.device | None:
        """Where the weights are; None for an exported file, which has them where its runtime does."""
        if self._exported:
            return None
        return next(self.network.parameters()).device

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "loaded" not in self.__dict__:
            raise AttributeError(name)
        if name in MODES or name == "tune":
            raise not_yet(f"{name} mode")
        if self._exported:
            raise UnknownAttributeError(f"YOLO has no attribute '{name}', and an exported file has no network to ask")
        if not hasattr(self.network, name):
            raise UnknownAttributeError(f"neither YOLO nor its network has an attribute '{name}'")
        return getattr(self.network, name)

    def _val_here(self, settings: ValSettings, kind: "type[Validator]") -> "Metrics":
        from posekit.engine.device import select_device
        from posekit.engine.distributed import first_goes_first, join_processes
        from posekit.engine.validation_run import open_validation

        device = select_device(join_processes(settings.device))
        made = kind(_callbacks=self.callbacks)
        made.model = self.loaded.ready(settings, device)
        with first_goes_first():
            run = open_validation(settings, made.model)
        return made.run(run)

    def _network(self, what: str) -> "Network":
        """Return the network; an exported file is refused, as `what` takes one."""
        from posekit.models.opening import OpenModel

        return OpenModel(loaded=self.loaded, checkpoint=self.ckpt, trained=self._trained).network_for(what)

    @property
    def _exported(self) -> bool:
        from posekit.models.exported.open import Exported

        return isinstance(self.loaded, Exported)

    def _hold(self, model: "OpenModel") -> None:
        self.loaded, self._trained = model.loaded, model.trained
        self.ckpt, self.ckpt_path = model.checkpoint, model.path

    def _settings(self, owner: type[AnySettings], defaults: dict[str, Any], given: dict[str, Any]) -> AnySettings:
        """Return all settings of a call: what it says, then what its mode is known for, then `overrides`."""
        known = settings_of(owner)
        remembered = {key: value for key, value in current_names(self.overrides).items() if key in known}
        chosen = remembered | defaults | resolve(owner, given)
        if chosen.get("imgsz") is None:
            chosen["imgsz"] = remembered.get("imgsz")
        return build(owner, chosen)

    def _predictor_for(self, settings: PredictSettings, kind: "type[Predictor]") -> "Predictor":
        """Return the predictor of the last call, unless it is busy, or its network no longer serves."""
        from posekit.engine.device import select_device

        model = self.loaded.ready(settings, select_device(settings.device))
        last = self.predictor
        if last is not None and type(last) is kind and last.model is model and not last.running:
            return last
        made = kind(_callbacks=self.callbacks)
        made.model = model
        return made


def model_info_text(model: str) -> str:
    """Return what `posekit info` prints of a model: size, arithmetic, keypoints, licence.

    Args:
        model: weights or a definition, as for `YOLO`.
    """
    from posekit.models.exported.open import Exported

    yolo = YOLO(model)
    schema = yolo.loaded.schema
    lines = {
        "model": yolo.ckpt_path or model,
        "task": yolo.task,
        **(yolo.loaded.describe() if isinstance(yolo.loaded, Exported) else yolo.loaded.facts()),
        "classes": ", ".join(f"{index} {name}" for index, name in yolo.names.items()),
        "keypoints": schema and f"{schema.count} x {schema.shape[1]}: {', '.join(schema.names)}",
        "skeleton": schema and f"{len(schema.skeleton)} limbs",
        "OKS sigmas": schema and schema.oks_sigmas and ", ".join(f"{sigma:g}" for sigma in schema.oks_sigmas),
        "licence": yolo.loaded.license
        or ("none: random weights" if yolo.ckpt_path is None else "not stated in the file"),
    }
    return "\n".join(f"{key:<11} {value}" for key, value in lines.items() if value)
