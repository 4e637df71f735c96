"""The predictor of the task detect, under the name that people import; those of the other tasks derive from it."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from posekit.config.predict import PredictSettings
from posekit.engine.callbacks import Callback
from posekit.engine.device import select_device
from posekit.engine.prediction import open_run, results_list
from posekit.engine.predictor import AnyPredictor, Predictor
from posekit.models.contract import InferenceModel
from posekit.models.opening import AnyModel
from posekit.models.yolo.detect.given import AnyCfg, open_given, read_given, settings_from
from posekit.results import Results


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
            source: anything that `posekit.io.sources.open_source` reads; None takes the ``source`` that was given.
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
