"""Settings of a training together with its task and model, as trainer classes take and show them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import torch
from torch import nn

from posekit.config.commands import TASKS, TASKS_WITH_KEYPOINTS, CommandSettings
from posekit.config.kinds import Settings, again, defaults_of, settings_of
from posekit.config.read import AnySettings, build, resolve
from posekit.config.settings import DEFAULT_CFG, PredictSettings, TrainSettings, ValSettings
from posekit.config.user import load_user_settings
from posekit.data.dataset import read_description
from posekit.data.description import dataset_dict
from posekit.engine.callbacks import Callback, check_event
from posekit.engine.checkpoints import CHANGEABLE, plain_settings, resumed
from posekit.engine.device import select_device, warn_of_untested
from posekit.engine.distributed import first_goes_first, join_processes, rank
from posekit.engine.launch import Job, devices_to_start_on, refuse_code, run_job
from posekit.engine.loggers import open_loggers
from posekit.engine.predictor import AnyPredictor, Predictor, open_run, results_list
from posekit.engine.trainer import Trainer, TrainingProgress
from posekit.engine.training_charts import save_training_batch
from posekit.engine.training_run import open_training, warn_of_no_warmup
from posekit.engine.validation_run import find_remembered, open_validation
from posekit.engine.validator import AnyValidator, Validator
from posekit.errors import SettingError, UnknownAttributeError
from posekit.log import LOGGER
from posekit.metrics.report import Metrics
from posekit.models.contract import Criterion, InferenceModel, KnownNetwork, TrainableModel, ValidationModel
from posekit.models.opening import AnyModel, open_model, open_weights
from posekit.results.results import Results
from posekit.sample import Batch
from posekit.schema.schema import KeypointSchema, resolve_sigmas

# What the parameter ``cfg`` of a trainer takes: all settings, some by name, or a YAML file of them.
Cfg: TypeAlias = TrainSettings | Mapping[str, Any] | str | Path


@dataclass(frozen=True, kw_only=True)
class TrainerArguments(TrainSettings):
    """Settings of a training, its task, and the model to start from."""

    task: str | None = again(CommandSettings, "task", default=None)
    model: str | None = again(CommandSettings, "model", default=None)


def read_arguments(task: str, cfg: Cfg, overrides: Mapping[str, Any]) -> tuple[TrainerArguments, dict[str, Any]]:
    """Return the arguments of a trainer, and those of them that were given rather than filled in.

    Args:
        task: of the trainer; what `overrides` say of it does not matter.
        cfg: the settings to begin with.
        overrides: settings that count more.

    Raises:
        UnknownSettingError, SettingTypeError, SettingError: a setting is wrong.
    """
    given = {key: value for key, value in overrides.items() if key not in ("task", "mode")}
    defaults: Mapping[str, Any] = {}
    if isinstance(cfg, TrainSettings):
        defaults = vars(cfg)
    elif isinstance(cfg, Mapping):
        given = {**cfg, **given}
    else:
        given = {"cfg": str(cfg), **given}
    given = resolve(TrainerArguments, given)
    return build(TrainerArguments, {**defaults, **given, "task": task}), given


def with_settings(arguments: TrainerArguments, settings: TrainSettings) -> TrainerArguments:
    """Return arguments with other settings for the same task and model."""
    return build(TrainerArguments, {**vars(settings), "task": arguments.task, "model": arguments.model})


def with_recipe(arguments: TrainerArguments, given: Mapping[str, Any], recipe: Mapping[str, Any]) -> TrainerArguments:
    """Return arguments with the values of a recipe where the user has not said anything.

    Args:
        arguments: those of a call.
        given: what the user gave; ``optimizer=auto`` means the one of the recipe.
        recipe: settings by name.
    """
    defaults = TrainSettings()
    said = {key for key in recipe if key in given or getattr(arguments, key) != getattr(defaults, key)}
    if arguments.optimizer == "auto":
        said.discard("optimizer")
    return replace(arguments, **{key: value for key, value in recipe.items() if key not in said})


# What the parameters ``cfg`` and ``args`` take: all settings, some by name, or a YAML file of them.
AnyCfg: TypeAlias = Settings | Mapping[str, Any] | str | Path | None


_NO_SETTINGS = ("task", "mode", "model", "source")


def read_given(cfg: AnyCfg, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what is given, by name; of settings of any mode what differs from their defaults.

    Args:
        cfg: settings to begin with.
        overrides: settings that count more.
    """
    given: dict[str, Any] = {}
    if isinstance(cfg, Settings):
        defaults = defaults_of(type(cfg))
        given = {key: value for key, value in vars(cfg).items() if value != defaults.get(key)}
    elif isinstance(cfg, Mapping):
        given = dict(cfg)
    elif cfg is not None:
        given = {"cfg": str(cfg)}
    return given | dict(overrides or {})


def settings_from(owner: type[AnySettings], given: Mapping[str, Any], defaults: Mapping[str, Any]) -> AnySettings:
    """Return the settings of a mode.

    Args:
        owner: the mode's.
        given: what `read_given` found; the model and its source are left aside.
        defaults: what counts where nothing is given.

    Raises:
        UnknownSettingError, SettingTypeError, SettingError: a setting is wrong.
    """
    known = resolve(owner, {key: value for key, value in given.items() if key not in _NO_SETTINGS})
    fitting = {key: value for key, value in defaults.items() if key in settings_of(owner) and known.get(key) is None}
    return build(owner, {**known, **fitting})


def open_given(given: Mapping[str, Any], task: str) -> AnyModel:
    """Return the model that is given, or with a warning the task's own.

    Raises:
        SettingError: it is of another task; and what `open_model` raises.
    """
    name = str(given.get("model") or TASKS[task].model)
    if not given.get("model"):
        LOGGER.warning("no model given: taking %s; name another with model=FILE", name)
    opened = open_model(name)
    if opened.loaded.task != task:
        raise SettingError(f"model={name} is a {opened.loaded.task} model: take one for {task}, or its own class")
    return opened


class DetectionPredictor(Predictor):
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

    task: ClassVar[str] = "detect"

    def __init__(
        self,
        cfg: AnyCfg = None,
        overrides: Mapping[str, Any] | None = None,
        _callbacks: Mapping[str, Sequence[Callback]] | None = None,
    ) -> None:
        self._begin(_callbacks)
        self._given = read_given(cfg, overrides)
        self.args = settings_from(PredictSettings, self._given, {})

    @classmethod
    def of(
        cls: type[AnyPredictor], model: InferenceModel, callbacks: Mapping[str, Sequence[Callback]] | None = None
    ) -> AnyPredictor:
        """Return a predictor of a model that is ready."""
        made = cls(_callbacks=callbacks)  # type: ignore[call-arg]  # it is one of these classes
        made.model = model
        return made

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
        run = open_run(self._settings, self._given.get("source") if source is None else source, self.task)
        results = self.stream(run)
        return results if stream else results_list(results, run.source)

    @cached_property
    def opened(self) -> AnyModel:
        """The model that was given, or the task's own, with what its file says."""
        return open_given(self._given, self.task)

    @cached_property
    def model(self) -> InferenceModel:  # type: ignore[override]  # set where it is known, else opened on first use
        """The model, ready to predict."""
        device = select_device(self._settings.device)
        return self.opened.family.ready().inference(self.opened.loaded, self._settings, device)

    @cached_property
    def _settings(self) -> PredictSettings:
        """All settings; the size of the input may be one that the model remembers."""
        return settings_from(PredictSettings, self._given, self.opened.loaded.settings)


class DetectionValidator(Validator):
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

    task: ClassVar[str] = "detect"

    def __init__(
        self,
        dataloader: None = None,
        save_dir: str | Path | None = None,
        args: AnyCfg = None,
        _callbacks: Mapping[str, Sequence[Callback]] | None = None,
    ) -> None:
        if dataloader is not None:
            raise SettingError("dataloader: posekit reads the pictures itself: name a data set with args={'data': ...}")
        folder = None if save_dir is None else Path(save_dir).absolute()
        place = {} if folder is None else {"project": str(folder.parent), "name": folder.name, "exist_ok": True}
        self._begin(_callbacks)
        self._given = read_given(args, place)
        self.args = settings_from(ValSettings, self._given, {})

    @classmethod
    def of(
        cls: type[AnyValidator],
        model: ValidationModel,
        callbacks: Mapping[str, Sequence[Callback]] | None = None,
        *,
        criterion: Criterion | None = None,
    ) -> AnyValidator:
        """Return a validator of a model that is ready."""
        made = cls(_callbacks=callbacks)  # type: ignore[call-arg]  # it is one of these classes
        made.model, made._criterion = model, criterion
        return made

    def __call__(self) -> Metrics:
        """Measure the model that was given with the settings that were given.

        Raises:
            What ``YOLO`` and ``YOLO.val`` raise.
        """
        return self.run(open_validation(self._settings, self.model))

    @cached_property
    def opened(self) -> AnyModel:
        """The model that was given, or the task's own, with what its file says."""
        return open_given(self._given, self.task)

    @cached_property
    def model(self) -> ValidationModel:  # type: ignore[override]  # set where it is known, else opened on first use
        """The model, ready to be measured."""
        device = select_device(join_processes(self._settings.device))
        return self.opened.family.ready().validation(self.opened.loaded, self._settings, device)

    @cached_property
    def _settings(self) -> ValSettings:
        """All settings; data set and size of the input may be those that the model remembers."""
        remembered = dict(self.opened.loaded.settings)
        if self.args.data is None:
            remembered["data"] = find_remembered(remembered.get("data"))
        return settings_from(ValSettings, self._given, remembered)


Labels = tuple[dict[int, str], KeypointSchema | None]


ONE_CLASS = {0: "item"}


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
    """Predicts boxes, masks and keypoints; ``model.predict(source, predictor=...)`` takes a subclass of it."""


class MultitaskValidator(DetectionValidator):
    """Measures boxes, masks and keypoints; ``model.val(validator=...)`` takes a subclass of it."""


class MultitaskTrainer(DetectionTrainer):
    """Trains a multitask network; see `DetectionTrainer`.

    Example:
        MultitaskTrainer(overrides={"model": "yolo11n-multitask.yaml", "data": "figures", "epochs": 3}).train()
    """

    task: ClassVar[str] = "multitask"
    validator: ClassVar[type[MultitaskValidator]] = MultitaskValidator
