"""The trainer of the task detect, under the name that people import; those of the other tasks derive from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from posekit.config.modes import TASKS
from posekit.config.task_parts import TASKS_WITH_KEYPOINTS
from posekit.config.train import DEFAULT_CFG
from posekit.config.user_settings import load_user_settings
from posekit.config.val import ValSettings
from posekit.data.dataset_dict import dataset_dict
from posekit.data.read_description import read_description
from posekit.engine.callbacks import Callback, check_event
from posekit.engine.device import select_device, warn_of_untested
from posekit.engine.distributed import first_goes_first, join_processes, rank
from posekit.engine.launch.job import Job, devices_to_start_on, refuse_code, run_job
from posekit.engine.loggers import open_loggers
from posekit.engine.training.figures import save_training_batch
from posekit.engine.training.progress import TrainingProgress
from posekit.engine.training.resume import CHANGEABLE, resumed
from posekit.engine.training.run import open_training
from posekit.engine.training.settings_file import plain_settings
from posekit.engine.training.short_run import warn_of_no_warmup
from posekit.engine.training.trainer import Trainer
from posekit.errors import SettingError, UnknownAttributeError
from posekit.metrics.report import Metrics
from posekit.models.contract import TrainableModel
from posekit.models.family import KnownNetwork
from posekit.models.opening import AnyModel, open_model, open_weights
from posekit.models.yolo.detect.arguments import Cfg, TrainerArguments, read_arguments, with_recipe, with_settings
from posekit.models.yolo.detect.val import DetectionValidator
from posekit.sample import Batch
from posekit.schema import KeypointSchema
from posekit.schema.sigmas import resolve_sigmas

Labels = tuple[dict[int, str], KeypointSchema | None]
ONE_CLASS = {0: "item"}


class DetectionTrainer:
    """Trains a network as ``model.train`` does, which takes a subclass of it as ``trainer=``.

    Nothing is read before it is needed. Once training has begun, the attributes of the training loop
    (`posekit.engine.training.trainer.Trainer`) are found here, too: ``epoch``, ``save_dir``, ``best`` and so on.
    Callbacks receive that loop.

    Args:
        cfg: settings to begin with: `posekit.config.DEFAULT_CFG`, a dictionary, or a YAML file.
        overrides: settings that count more, ``model`` and ``data`` among them. ``task`` has no effect.
        _callbacks: functions by event.

    Attributes:
        task: of the networks that it trains.
        loop: the training loop, a subclass of `Trainer`.
        validator: the class of `get_validator`.
        args: the settings, with ``task`` and ``model``; once training has begun, with what was chosen for them.
        callbacks: functions by event.
        loss_names: names of the loss items; empty until `get_validator` or `train` is called.
    """

    task: ClassVar[str] = "detect"
    loop: ClassVar[type[Trainer]] = Trainer
    validator: ClassVar[type[DetectionValidator]] = DetectionValidator

    def __init__(
        self,
        cfg: Cfg = DEFAULT_CFG,
        overrides: Mapping[str, Any] | None = None,
        _callbacks: dict[str, list[Callback]] | None = None,
    ) -> None:
        self._args, self._given = read_arguments(self.task, cfg, overrides or {})
        self.callbacks: dict[str, list[Callback]] = {} if _callbacks is None else _callbacks
        self.loss_names: tuple[str, ...] = ()
        self._running: Trainer | TrainingProgress | None = None

    @property
    def args(self) -> TrainerArguments:
        """The settings, with ``task`` and ``model``."""
        return self._args if self._running is None else with_settings(self._args, self._running.args)

    @cached_property
    def start(self) -> AnyModel:
        """The model to start from: ``args.model``, or the task's own."""
        return open_model(self.args.model or TASKS[self.task].model)

    @cached_property
    def data(self) -> dict[str, Any]:
        """The data set as `get_dataset` gives it."""
        return self.get_dataset()

    @cached_property
    def labels(self) -> Labels:
        """Class names by number, and the keypoints, of the data set."""
        description = read_description(self._data, task=self.task)
        schema = description.schema
        if not self.args.single_cls:
            return dict(description.names), schema
        names = ONE_CLASS if len(description.names) > 1 else description.names
        return dict(names), schema and schema.for_one_class()

    @cached_property
    def model(self) -> nn.Module:
        """The network that learns: for the data set's classes, with the weights that ``pretrained`` says."""
        return self.get_model(weights=self._weights)

    def train(self) -> Metrics:
        """Train; return the numbers of the best weights.

        Raises:
            SettingError: ``args.model`` is of another task.
            MissingExtraError: the user has switched on a logger whose package is not installed.
            And what ``YOLO.train`` raises.
        """
        self._args = with_recipe(self._args, self._given, self._settings_of_family())
        given = {key: value for key, value in self._given.items() if key != "model"}
        settings, resume = resumed(self._args, given, self.start.path)
        self._args, self._running = with_settings(self._args, settings), None
        if resume is not None:
            self.start = open_model(str(resume))
        devices = devices_to_start_on(self.args.device)
        return self._train_on(devices, resume) if devices else self._train_here(resume)

    def _train_here(self, resume: Path | None) -> Metrics:
        device = select_device(join_processes(self.args.device))
        warn_of_untested(device)
        if resume is None and self._weights is not None:
            warn_of_no_warmup(self.args)
        with first_goes_first():
            run = open_training(self.args, self.task, self._trainable_for)
        self.data = run.data
        self._running = loop = self.loop(run, device, _with_loggers(self.callbacks))
        metrics = loop.train(resume)
        self.loss_names = loop.loss_names
        return metrics

    def _train_on(self, devices: Sequence[str], resume: Path | None) -> Metrics:
        """Have one process per device train, as `posekit.worker` does."""
        refuse_code(self.args.device, self.callbacks, type(self), self.loop)
        settings = plain_settings(self.args)
        if resume is not None:
            settings = {key: value for key, value in settings.items() if key in CHANGEABLE} | {"resume": str(resume)}
        job = Job(mode="train", task=self.task, settings=settings, trained=self.start.trained)
        model = self.start.family.contents(self.start.loaded, "model.pt")
        metrics: Metrics = run_job(job, model, devices, self._note)
        self.model = open_model(str(self.best if self.best.is_file() else self.last)).loaded.network
        return metrics

    def _note(self, progress: TrainingProgress) -> None:
        self._running, self.loss_names = progress, progress.loss_names

    def get_dataset(self) -> dict[str, Any]:
        """Return the data set in plain values: `posekit.data.dataset_dict.dataset_dict` says which.

        Raises:
            DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: it cannot be used.
        """
        return dataset_dict(read_description(self._data, task=self.task))

    def get_model(
        self,
        cfg: str | Path | None = None,
        weights: str | Path | nn.Module | KnownNetwork | None = None,
        verbose: bool = True,
    ) -> nn.Module:
        """Return a network for the classes and keypoints of the data set.

        Args:
            cfg: definition or weight file whose layers it has; None: those of ``args.model``.
            weights: what is taken over where it fits; None starts from fresh weights.
            verbose: has no effect; how many tensors were taken over is said in any case.

        Raises:
            SettingError: the model is of another task.
        """
        base = self.start if cfg is None else open_model(str(cfg))
        if base.loaded.task != self.task:
            raise SettingError(f"{type(self).__name__} trains {self.task} models, this is a {base.loaded.task} model")
        names, schema = self.labels
        made = base.family.for_dataset(
            base.loaded, names=names, schema=schema, pretrained=self._known(weights), settings=self.args
        )
        return made.network

    def set_model_attributes(self) -> None:
        """Write ``nc`` and ``names`` on the network, and with keypoints ``kpt_shape`` and ``kpt_names``, by class."""
        names, schema = self.labels
        vars(self.model).update(nc=len(names), names=dict(names))
        if schema is not None and self.task in TASKS_WITH_KEYPOINTS:
            points = {number: list(schema.names[: schema.points_of(number)]) for number in names}
            kpt_names = {number: of_class for number, of_class in points.items() if of_class}
            vars(self.model).update(kpt_shape=list(schema.shape), kpt_names=kpt_names)

    def get_validator(self) -> DetectionValidator:
        """Return a validator of the network as it is, and set `loss_names`."""
        model = self._trainable
        sigmas = None if model.schema is None else resolve_sigmas(model.schema).values
        criterion = model.criterion(self.args, sigmas, torch.ones(len(model.names)))
        self.loss_names = criterion.names
        device = select_device(self.args.device)
        measured = model.validation(model.network.eval(), device, ValSettings(nms=self.args.nms))
        return self.validator.of(measured, self.callbacks, criterion=criterion)

    def plot_training_samples(self, batch: Batch, ni: int) -> None:
        """Write a training batch, with its labels drawn, to ``train_batch<ni>.jpg`` in the folder of the run."""
        names, schema = self.labels
        save_training_batch(batch, names, schema, self.save_dir / f"train_batch{ni}.jpg")

    def add_callback(self, event: str, callback: Callable[[Any], None]) -> None:
        """Call `callback` whenever `event` happens.

        Raises:
            UnknownChoiceError: there is no such event.
        """
        self.callbacks.setdefault(check_event(event), []).append(callback)

    @property
    def _data(self) -> str:
        return self.args.data or TASKS[self.task].data

    @cached_property
    def _weights(self) -> KnownNetwork | None:
        """The weights to start from, None for fresh ones."""
        if isinstance(self.args.pretrained, str):
            return self._known(self.args.pretrained)
        known: KnownNetwork | None = self.start.loaded if self.args.pretrained and self.start.trained else None
        return known

    def _known(self, weights: str | Path | nn.Module | KnownNetwork | None) -> KnownNetwork | None:
        """Return weights with what is known of them."""
        if isinstance(weights, str | Path):
            known: KnownNetwork = open_weights(str(weights)).loaded
            return known
        return replace(self.start.loaded, network=weights) if isinstance(weights, nn.Module) else weights

    def _settings_of_family(self) -> Mapping[str, Any]:
        """Return what the family of the model trains with where nothing is said."""
        return self.start.family.training_settings(self.start.loaded, self._args.imgsz)

    def _trainable_for(self, names: Mapping[int, str], schema: KeypointSchema | None) -> TrainableModel:
        self.labels = dict(names), schema
        self.set_model_attributes()
        return self._trainable

    @property
    def _trainable(self) -> TrainableModel:
        names, schema = self.labels
        return self.start.family.trainable(self.model, self.start.loaded, names, schema, self._license)

    @property
    def _license(self) -> str | None:
        return self._weights.license if self._weights else None

    def __getattr__(self, name: str) -> Any:
        running = self.__dict__.get("_running")
        if running is None:
            raise UnknownAttributeError(f"{type(self).__name__} has no attribute '{name}' before training has begun")
        return getattr(running, name)


def _with_loggers(callbacks: dict[str, list[Callback]]) -> dict[str, list[Callback]]:
    """Return the callbacks, and after them those of the loggers that the user has switched on, in the first process."""
    loggers = open_loggers(load_user_settings()) if rank() == 0 else {}
    if not loggers:
        return callbacks
    return {event: [*callbacks.get(event, ()), *loggers.get(event, ())] for event in callbacks | loggers}
