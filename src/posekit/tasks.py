"""The classes that people import: trainer, predictor and validator of each task, made from settings.

They bring models and engine together. `posekit.models.yolo.pose` and its like are kept import paths of theirs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, cast

import torch
from torch import nn

from posekit.config.commands import TASKS, TASKS_WITH_KEYPOINTS, CommandSettings
from posekit.config.kinds import Settings, again, defaults_of, settings_of
from posekit.config.read import AnySettings, build, resolve
from posekit.config.settings import DEFAULT_CFG, PredictSettings, TrainSettings, ValSettings
from posekit.config.user import load_user_settings
from posekit.data.dataset import read_description
from posekit.data.description import dataset_dict
from posekit.data.open_split import ONE_CLASS
from posekit.engine.callbacks import Callback, check_event
from posekit.engine.checkpoints import CHANGEABLE, plain_settings, resumed
from posekit.engine.device import select_device, warn_of_untested
from posekit.engine.distributed import first_goes_first, join_processes, rank
from posekit.engine.launch import Job, devices_to_start_on, refuse_code, run_job
from posekit.engine.loggers import open_loggers
from posekit.engine.predictor import Predictor, open_run, results_list
from posekit.engine.trainer import Trainer, TrainingProgress
from posekit.engine.training_charts import save_training_batch
from posekit.engine.training_run import open_training, warn_of_no_warmup
from posekit.engine.validation_run import find_remembered, open_validation
from posekit.engine.validator import Validator
from posekit.errors import SettingError, UnknownAttributeError
from posekit.log import LOGGER
from posekit.metrics.report import Metrics
from posekit.models.contract import Model, Network, Trainable
from posekit.models.opening import OpenModel, open_model, open_weights
from posekit.results.results import Results
from posekit.sample import Batch
from posekit.schema.schema import KeypointSchema, resolve_sigmas

# What ``cfg`` and ``args`` take: settings of any mode, some by name, or a YAML file of them.
Cfg: TypeAlias = Settings | Mapping[str, Any] | str | Path | None
Callbacks: TypeAlias = dict[str, list[Callback]]
Labels: TypeAlias = tuple[dict[int, str], KeypointSchema | None]

NO_TASK = ("task", "mode")
NO_SETTINGS = (*NO_TASK, "model", "source")


@dataclass(frozen=True, kw_only=True)
class TrainerArguments(TrainSettings):
    """Settings of a training, its task, and the model to start from."""

    task: str | None = again(CommandSettings, "task", default=None)
    model: str | None = again(CommandSettings, "model", default=None)


def read_given(cfg: Cfg, overrides: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a settings object says besides its defaults, and what is given by name; the latter counts more."""
    if isinstance(cfg, Settings):
        defaults = defaults_of(type(cfg))
        return {key: value for key, value in vars(cfg).items() if value != defaults.get(key)}, dict(overrides or {})
    named = {} if cfg is None else cfg if isinstance(cfg, Mapping) else {"cfg": str(cfg)}
    return {}, {**named, **(overrides or {})}


def settings_from(owner: type[AnySettings], given: Mapping[str, Any], defaults: Mapping[str, Any]) -> AnySettings:
    """Return the settings of a mode: what is given, the model and its source left aside, else `defaults`.

    Raises:
        UnknownSettingError, SettingTypeError, SettingError: a setting is wrong.
    """
    known = resolve(owner, {key: value for key, value in given.items() if key not in NO_SETTINGS})
    fitting = {key: value for key, value in defaults.items() if key in settings_of(owner) and known.get(key) is None}
    return build(owner, {**known, **fitting})


class MadeFromSettings:
    """What predictors and validators share that are made from settings, and open their model themselves."""

    task: ClassVar[str] = "detect"
    _given: dict[str, Any]

    @cached_property
    def opened(self) -> OpenModel:
        """The model that was given, or with a warning the task's own, with what its file says.

        Raises:
            SettingError: it is of another task; and what `open_model` raises.
        """
        name = str(self._given.get("model") or TASKS[self.task].model)
        if not self._given.get("model"):
            LOGGER.warning("no model given: taking %s; name another with model=FILE", name)
        opened = open_model(name)
        if opened.loaded.task != self.task:
            other = f"model={name} is a {opened.loaded.task} model"
            raise SettingError(f"{other}: take one for {self.task}, or its own class")
        return opened


class DetectionPredictor(MadeFromSettings, Predictor):
    """Predicts boxes; ``model.predict(source, predictor=...)`` takes a subclass of it.

    One that is made from settings predicts when it is called; nothing is read before.

    Args:
        cfg: settings to begin with: settings of a mode, a dictionary, or a YAML file.
        overrides: settings that count more, ``model`` and ``source`` among them.
        _callbacks: functions by event.

    Attributes:
        task: of the networks that it predicts with.

    Example:
        DetectionPredictor(overrides={"model": "yolo26n.pt", "conf": 0.5})("street.jpg")
    """

    def __init__(
        self,
        cfg: Cfg = None,
        overrides: Mapping[str, Any] | None = None,
        _callbacks: Mapping[str, Sequence[Callback]] | None = None,
    ) -> None:
        super().__init__(_callbacks)
        stated, given = read_given(cfg, overrides)
        self._given = stated | given
        self.args = settings_from(PredictSettings, self._given, {})

    def __call__(self, source: Any = None, stream: bool = False) -> list[Results] | Iterator[Results]:
        """Find objects with the model and the settings that were given.

        Args:
            source: anything that `posekit.io.open_source.open_source` reads; None takes the ``source`` that was given.
            stream: return a generator that keeps nothing, for long videos and live sources.

        Returns:
            One `Results` per picture or frame.

        Raises:
            What ``YOLO`` and ``YOLO.predict`` raise.
        """
        run = open_run(self._settings, self._given.get("source") if source is None else source)
        results = self.stream(run)
        return results if stream else results_list(results, run.source)

    @cached_property
    def model(self) -> Model:
        """The model, ready to predict; opened on first use unless it was set."""
        return self.opened.loaded.ready(self._settings, select_device(self._settings.device))

    @cached_property
    def _settings(self) -> PredictSettings:
        """All settings; the size of the input may be one that the model remembers."""
        return settings_from(PredictSettings, self._given, self.opened.loaded.settings)


class DetectionValidator(MadeFromSettings, Validator):
    """Measures boxes; ``model.val(validator=...)`` takes a subclass of it.

    One that is made from settings measures when it is called; nothing is read before.

    Args:
        dataloader: must be None: pictures are those of the data set that ``args`` names.
        save_dir: folder to write into; None for a numbered one, as ``args`` say.
        args: settings of a mode, a dictionary, or a YAML file; ``model`` and ``data`` among them.
        _callbacks: functions by event.

    Attributes:
        task: of the networks that it measures.

    Raises:
        SettingError: there is a data loader.

    Example:
        DetectionValidator(args={"model": "yolo26n.pt", "data": "coco8.yaml"})()
    """

    def __init__(
        self,
        dataloader: None = None,
        save_dir: str | Path | None = None,
        args: Cfg = None,
        _callbacks: Mapping[str, Sequence[Callback]] | None = None,
    ) -> None:
        if dataloader is not None:
            raise SettingError("dataloader: posekit reads the pictures itself: name a data set with args={'data': ...}")
        super().__init__(_callbacks)
        folder = None if save_dir is None else Path(save_dir).absolute()
        place = {} if folder is None else {"project": str(folder.parent), "name": folder.name, "exist_ok": True}
        stated, given = read_given(args, place)
        self._given = stated | given
        self.args = settings_from(ValSettings, self._given, {})

    def __call__(self) -> Metrics:
        """Measure the model that was given with the settings that were given.

        Raises:
            What ``YOLO`` and ``YOLO.val`` raise.
        """
        return self.run(open_validation(self._settings, self.model))

    @cached_property
    def model(self) -> Model:
        """The model, ready to be measured; opened on first use unless it was set."""
        device = select_device(join_processes(self._settings.device))
        return self.opened.loaded.ready(self._settings, device)

    @cached_property
    def _settings(self) -> ValSettings:
        """All settings; data set and size of the input may be those that the model remembers."""
        remembered = dict(self.opened.loaded.settings)
        if self.args.data is None:
            remembered["data"] = find_remembered(remembered.get("data"))
        return settings_from(ValSettings, self._given, remembered)


class DetectionTrainer:
    """Trains a network as ``model.train`` does, which takes a subclass of it as ``trainer=``.

    Nothing is read before it is needed. Once training has begun, the attributes of the training loop
    (`posekit.engine.trainer.Trainer`) are found here, too: ``epoch``, ``save_dir``, ``best`` and so on.
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
        _callbacks: Callbacks | None = None,
    ) -> None:
        stated, given = read_given(cfg, {key: value for key, value in (overrides or {}).items() if key not in NO_TASK})
        self._given = resolve(TrainerArguments, given)
        self._args = build(TrainerArguments, {**stated, **self._given, "task": self.task})
        self.callbacks: Callbacks = {} if _callbacks is None else _callbacks
        self.loss_names: tuple[str, ...] = ()
        self._running: Trainer | TrainingProgress | None = None

    @property
    def args(self) -> TrainerArguments:
        """The settings, with ``task`` and ``model``."""
        return self._args if self._running is None else self._with(self._running.args)

    @cached_property
    def start(self) -> OpenModel:
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
        self._args = self._with_settings_of_family()
        given = {key: value for key, value in self._given.items() if key != "model"}
        settings, resume = resumed(self._args, given, self.start.path)
        self._args, self._running = self._with(settings), None
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
        metrics: Metrics = run_job(job, self._start.contents("model.pt"), devices, self._note)
        self.model = open_model(str(self.best if self.best.is_file() else self.last)).network_for("train").network
        return metrics

    def _note(self, progress: TrainingProgress) -> None:
        self._running, self.loss_names = progress, progress.loss_names

    def get_dataset(self) -> dict[str, Any]:
        """Return the data set in plain values: `posekit.data.description.dataset_dict` says which.

        Raises:
            DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: it cannot be used.
        """
        return dataset_dict(read_description(self._data, task=self.task))

    def get_model(
        self,
        cfg: str | Path | None = None,
        weights: str | Path | nn.Module | Network | None = None,
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
        network = base.network_for("train")
        if network.task != self.task:
            raise SettingError(f"{type(self).__name__} trains {self.task} models, this is a {network.task} model")
        names, schema = self.labels
        pretrained = self._known(weights)
        made = network.trainable(names=names, schema=schema, pretrained=pretrained, settings=self.args)
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
        made = self.validator(_callbacks=self.callbacks)
        made.model = model.validation(model.network.eval(), device, ValSettings(nms=self.args.nms))
        made.criterion = criterion
        return made

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
    def _start(self) -> Network:
        return self.start.network_for("train")

    @property
    def _data(self) -> str:
        return self.args.data or TASKS[self.task].data

    @cached_property
    def _weights(self) -> Network | None:
        """The weights to start from, None for fresh ones."""
        if isinstance(self.args.pretrained, str):
            return self._known(self.args.pretrained)
        return self._start if self.args.pretrained and self.start.trained else None

    def _known(self, weights: str | Path | nn.Module | Network | None) -> Network | None:
        """Return weights with what is known of them."""
        if isinstance(weights, str | Path):
            return open_weights(str(weights)).network_for("pretrained")
        if isinstance(weights, nn.Module):
            return cast(Network, replace(cast(Any, self._start), network=weights))
        return weights

    def _with(self, settings: TrainSettings) -> TrainerArguments:
        """Return other settings for the same task and model."""
        return build(TrainerArguments, {**vars(settings), "task": self._args.task, "model": self._args.model})

    def _with_settings_of_family(self) -> TrainerArguments:
        """Return the arguments with what the family trains with where the user has not said anything.

        ``optimizer=auto`` means the one of the family.
        """
        args, defaults = self._args, TrainSettings()
        usual = self._start.training_settings(args.imgsz)
        said = {key for key in usual if key in self._given or getattr(args, key) != getattr(defaults, key)}
        if args.optimizer == "auto":
            said.discard("optimizer")
        return replace(args, **{key: value for key, value in usual.items() if key not in said})

    def _trainable_for(self, names: Mapping[int, str], schema: KeypointSchema | None) -> Trainable:
        self.labels = dict(names), schema
        self.set_model_attributes()
        return self._trainable

    @property
    def _trainable(self) -> Trainable:
        names, schema = self.labels
        license = self._weights.license if self._weights else None
        return self._start.as_trainable(self.model, names, schema, license)

    def __getattr__(self, name: str) -> Any:
        running = self.__dict__.get("_running")
        if running is None:
            raise UnknownAttributeError(f"{type(self).__name__} has no attribute '{name}' before training has begun")
        return getattr(running, name)


def _with_loggers(callbacks: Callbacks) -> Callbacks:
    """Return the callbacks, and after them those of the loggers that the user has switched on, in the first process."""
    loggers = open_loggers(load_user_settings()) if rank() == 0 else {}
    if not loggers:
        return callbacks
    return {event: [*callbacks.get(event, ()), *loggers.get(event, ())] for event in callbacks | loggers}


class SegmentationPredictor(DetectionPredictor):
    """Predicts boxes and masks; see `DetectionPredictor`."""

    task: ClassVar[str] = "segment"


class SegmentationValidator(DetectionValidator):
    """Measures boxes and masks; see `DetectionValidator`."""

    task: ClassVar[str] = "segment"


class SegmentationTrainer(DetectionTrainer):
    """Trains a segment network; see `DetectionTrainer`."""

    task: ClassVar[str] = "segment"
    validator: ClassVar[type[SegmentationValidator]] = SegmentationValidator


class PosePredictor(DetectionPredictor):
    """Predicts boxes and keypoints; see `DetectionPredictor`."""

    task: ClassVar[str] = "pose"


class PoseValidator(DetectionValidator):
    """Measures boxes and keypoints; see `DetectionValidator`."""

    task: ClassVar[str] = "pose"


class PoseTrainer(DetectionTrainer):
    """Trains a pose network; see `DetectionTrainer`.

    Example:
        PoseTrainer(overrides={"model": "yolo26n-pose.pt", "data": "coco8-pose.yaml", "epochs": 3}).train()
    """

    task: ClassVar[str] = "pose"
    validator: ClassVar[type[PoseValidator]] = PoseValidator


class MultitaskPredictor(DetectionPredictor):
    """Predicts boxes, masks and keypoints; see `DetectionPredictor`."""

    task: ClassVar[str] = "multitask"


class MultitaskValidator(DetectionValidator):
    """Measures boxes, masks and keypoints; see `DetectionValidator`."""

    task: ClassVar[str] = "multitask"


class MultitaskTrainer(DetectionTrainer):
    """Trains a multitask network; see `DetectionTrainer`.

    Example:
        MultitaskTrainer(overrides={"model": "yolo11n-multitask.yaml", "data": "figures", "epochs": 3}).train()
    """

    task: ClassVar[str] = "multitask"
    validator: ClassVar[type[MultitaskValidator]] = MultitaskValidator


TRAINERS = {kind.task: kind for kind in (DetectionTrainer, SegmentationTrainer, PoseTrainer, MultitaskTrainer)}
