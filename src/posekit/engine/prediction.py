"""Sets up a prediction: source, run folder, predictor."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posekit.config.predict import PredictSettings
from posekit.config.user_folders import data_folder
from posekit.config.user_settings import load_user_settings
from posekit.engine.callbacks import Callback
from posekit.engine.predictor import Predictor
from posekit.io.base import Source
from posekit.io.sources import open_source
from posekit.log import LOGGER
from posekit.models.contract import InferenceModel
from posekit.results import Results

DEFAULT_SOURCE = "figures"


@dataclass(frozen=True)
class Run:
    """A predictor and the source that it is to run over."""

    predictor: Predictor
    source: Source


def open_run(
    settings: PredictSettings,
    source: Any,
    model: InferenceModel,
    task: str,
    predictor: type[Predictor],
    callbacks: Mapping[str, Sequence[Callback]],
) -> Run:
    """Open a source and make a predictor for it.

    Raises:
        SourceNotFoundError, SourceTypeError, SourceValueError: the source cannot be opened.
    """
    if source is None:
        LOGGER.warning("no source given: taking synthetic scenes (source='%s')", DEFAULT_SOURCE)
        source = DEFAULT_SOURCE
    opened = open_source(
        source,
        batch=settings.batch,
        vid_stride=settings.vid_stride,
        stream_buffer=settings.stream_buffer,
        download_dir=data_folder() / "downloads",
    )
    base = Path(load_user_settings().runs_dir) / task / (settings.project or "")
    return Run(predictor(model, settings, base=base, callbacks=callbacks), opened)


def results_list(results: Iterator[Results], source: Source) -> list[Results]:
    """Collect all results, with a word of warning where they may not fit into memory."""
    if source.is_video:
        LOGGER.warning("results of all frames are kept in memory: use stream=True for long videos and live sources")
    return list(results)
