"""What one prediction run needs: settings, an open source, a place for output."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posekit.config.predict import PredictSettings
from posekit.config.user_folders import data_folder
from posekit.config.user_settings import load_user_settings
from posekit.data.figures.source import is_figures, parse_figures
from posekit.io.base import Source
from posekit.io.sources import open_source
from posekit.log import LOGGER
from posekit.results import Results

DEFAULT_SOURCE = "figures"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a predictor.

    Attributes:
        settings: all settings.
        source: what to predict on.
        base: folder of runs, such as ``runs/pose``.
    """

    settings: PredictSettings
    source: Source
    base: Path


def open_run(settings: PredictSettings, source: Any, task: str) -> Run:
    """Open a source and choose the folder of runs.

    Raises:
        SourceNotFoundError, SourceTypeError, SourceValueError: the source cannot be opened.
    """
    if source is None:
        LOGGER.warning("no source given: taking synthetic scenes (source='%s')", DEFAULT_SOURCE)
        source = DEFAULT_SOURCE
    opened = _open(source, settings)
    base = Path(load_user_settings().runs_dir) / task / (settings.project or "")
    return Run(settings=settings, source=opened, base=base)


def _open(source: Any, settings: PredictSettings) -> Source:
    """Open a source; a file or folder that exists is preferred to the word "figures"."""
    if isinstance(source, str) and is_figures(source) and not Path(source).exists():
        return parse_figures(source, settings.batch)
    return open_source(
        source,
        batch=settings.batch,
        vid_stride=settings.vid_stride,
        stream_buffer=settings.stream_buffer,
        download_dir=data_folder() / "downloads",
    )


def results_list(results: Iterator[Results], source: Source) -> list[Results]:
    """Collect all results, with a word of warning where they may not fit into memory."""
    if source.is_video:
        LOGGER.warning("results of all frames are kept in memory: use stream=True for long videos and live sources")
    return list(results)
