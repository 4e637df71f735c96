"""The validator of the task detect, under the name that people import; those of the other tasks derive from it."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from posekit.config.val import ValSettings
from posekit.engine.callbacks import Callback
from posekit.engine.device import select_device
from posekit.engine.distributed import join_processes
from posekit.engine.remembered_data import find_remembered
from posekit.engine.validation import open_validation
from posekit.engine.validator import AnyValidator, Validator
from posekit.errors import SettingError
from posekit.metrics.report import Metrics
from posekit.models.contract import Criterion, ValidationModel
from posekit.models.opening import AnyModel
from posekit.models.yolo.detect.given import AnyCfg, open_given, read_given, settings_from


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
