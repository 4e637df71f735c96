"""How fast and how exact a network is in each format: a table, a chart, and a process of its own for each.

PyTorch comes first, as what the others are compared with. A runtime that crashes takes its own process with it, and
has a row that says so.
"""

import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, cast

import torch

from posekit.config.commands import TASKS_WITH_OUTLINES
from posekit.config.settings import BenchmarkSettings, ExportSettings, PredictSettings, ValSettings
from posekit.config.user import runs_folder
from posekit.data.figures.dataset import write_coco_dataset, write_yolo_dataset
from posekit.data.figures.scene import make_scene
from posekit.engine.device import select_device
from posekit.engine.launch import Job, run_job
from posekit.engine.validation_run import open_validation
from posekit.engine.validator import Validator
from posekit.errors import BenchmarkError, MissingExtraError, PosekitError, SettingError
from posekit.export.differences import Differences
from posekit.export.export import MEGABYTE, export_network, size_of
from posekit.export.formats import FORMATS
from posekit.files.user_folders import data_folder
from posekit.files.writing import make_run_folder, write_whole
from posekit.io.open_source import open_source
from posekit.log import LOGGER, one_line
from posekit.metrics.parts import BOX, MASK, POSE
from posekit.metrics.tabular import Row, Tabular
from posekit.models.contract import Model, Network
from posekit.models.exported.model import ExportedModel
from posekit.models.exported.open import Exported, open_exported
from posekit.models.exported.sessions import SESSIONS, start_session, wanted_threads
from posekit.models.opening import open_model
from posekit.models.shared import wait_for
from posekit.sample import Sample
from posekit.schema.schema import COCO_PERSON
from posekit.viz.chart_style import (
    HEAD,
    SMALL,
    draw_bars,
    new_chart,
    png_bytes,
    prepare_rows,
    rgb,
    rows_height,
    say_nothing_to_show,
    styled,
)
from posekit.viz.colors import CLASS_COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PYTORCH: Final = "pytorch"
OK: Final = "ok"
WARM_UPS, REPEATS = 5, 30  # runs before times count, and runs that count
TIMED_PICTURES: Final = 10  # of the data set, in turn
DRAWN: Final = 16  # scenes, where no data set is known
LONGEST_STATUS: Final = 200
PARTS: Final = {"detect": BOX, "segment": MASK, "pose": POSE, "multitask": POSE}

SIZE, INFERENCE, FPS = "Size (MB)", "Inference time (ms/im)", "FPS"
BEFORE, AFTER, PARITY = "Preprocess (ms/im)", "Postprocess (ms/im)", "Parity (px)"
STAGES: Final = (BEFORE, INFERENCE, AFTER)
# How the columns are written: head, letters, decimals.
SHORT: Final = {
    SIZE: ("MB", 8, 1),
    BEFORE: ("pre ms", 8, 2),
    INFERENCE: ("infer ms", 10, 2),
    AFTER: ("post ms", 9, 2),
    FPS: ("FPS", 8, 1),
    PARITY: ("parity px", 11, 4),
}
NAMES_WIDTH, SCORE_WIDTH = 12, 13
CHART_WIDTH: Final = 1080.0
STAGE_COLORS = (CLASS_COLORS[14], CLASS_COLORS[6], CLASS_COLORS[5])


def score_key(task: str) -> str:
    """Return the key of the accuracy that counts for a task, such as ``metrics/mAP50-95(P)``."""
    return PARTS[task].keys[-1]


@dataclass(kw_only=True, repr=False)
class Benchmark(Tabular):
    """Formats of a network, side by side.

    Attributes:
        title: what was measured, on what, with how many threads, in one line.
        task: of the network.
        folder: where table, chart and exported files are.
        rows: one per format: ``Format``, ``Status`` ("ok", or why a number is missing), ``Size (MB)``, the accuracy
            (``metrics/mAP50-95(P)`` and so on), ``Inference time (ms/im)``, ``FPS`` (its inverse),
            ``Preprocess (ms/im)``, ``Postprocess (ms/im)``, ``Parity (px)``; numbers that are not known are None.
    """

    title: str
    task: str
    folder: Path
    rows: list[Row] = field(default_factory=list)

    def summary(self, normalize: bool = False, decimals: int = 5) -> list[Row]:
        """Return the rows; `normalize` is without effect."""
        return [
            {key: round(value, decimals) if isinstance(value, float) else value for key, value in row.items()}
            for row in self.rows
        ]

    def __repr__(self) -> str:
        return "\n".join((self.title, self.header(), *map(self.line, self.rows)))

    def header(self) -> str:
        """Return the line of column titles."""
        heads = "".join(head.rjust(width) for head, width, _ in SHORT.values())
        return f"{'Format':<{NAMES_WIDTH}}{self._score_head.rjust(SCORE_WIDTH)}{heads}  Status"

    def line(self, row: Row) -> str:
        """Return a row as a line of text."""
        numbers = "".join(_number(row[key], decimals).rjust(width) for key, (_, width, decimals) in SHORT.items())
        score = _number(row[score_key(self.task)], 4)
        return f"{row['Format']:<{NAMES_WIDTH}}{score.rjust(SCORE_WIDTH)}{numbers}  {row['Status']}"

    def markdown(self) -> str:
        """Return the title and a table in Markdown."""
        heads = ["Format", self._score_head, *(head for head, _, _ in SHORT.values()), "Status"]
        lines = [self.title, "", _cells(heads), _cells(["---"] * len(heads))]
        for row in self.rows:
            numbers = [_number(row[key], decimals) for key, (_, _, decimals) in SHORT.items()]
            lines.append(_cells([row["Format"], _number(row[score_key(self.task)], 4), *numbers, row["Status"]]))
        return "\n".join(lines) + "\n"

    def save(self) -> None:
        """Write the table, ``benchmark.csv`` and ``benchmark.md``, and the chart, ``benchmark.png``.

        Raises:
            OutputError: a file cannot be written.
        """
        write_whole(self.folder / "benchmark.csv", self.to_csv().encode())
        write_whole(self.folder / "benchmark.md", self.markdown().encode())
        save_chart(self, self.folder / "benchmark.png")

    @property
    def _score_head(self) -> str:
        return score_key(self.task).removeprefix("metrics/")


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"


def _cells(texts: Sequence[str]) -> str:
    return f"| {' | '.join(text.replace('|', '/') for text in texts)} |"


def run_benchmark(network: Network, settings: BenchmarkSettings, name: str) -> Benchmark:
    """Measure a network in all formats, or in those of the settings; write table and chart into a run folder.

    Args:
        network: which stays as it is.
        settings: ``data`` None takes drawn people.
        name: of the network, without a suffix; exported files are named after it.

    Raises:
        SettingError: there is no such device.
        DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: the data set is wrong.
        OutputError: something cannot be saved.
        BenchmarkError: ``verbose`` is a number, and a format is not more accurate than that, or none was measured.
    """
    shown = settings.verbose is not False
    with _data_for(network, settings) as (settings, data):
        device = select_device(settings.device)
        checked = _val_settings(settings, 32, nms=_suppresses(network, settings))
        model = network.ready(checked, device)
        # What is wrong with size or data is told once, and not once per format.
        side = max(model.placing.input_size(settings.imgsz or model.imgsz))
        settings = replace(settings, imgsz=side)
        if settings.data is not None:
            count = len(open_validation(replace(checked, imgsz=side), model).split.pictures)
            data = f"{count} pictures of {data}"
        folder = make_run_folder(
            runs_folder(network.task, settings.project), settings.name or "benchmark", settings.exist_ok
        )
        table = Benchmark(title=_title(settings, name, data, device), task=network.task, folder=folder)
        if shown:
            LOGGER.info("%s\n%s", table.title, table.header())
        for row in benchmark_formats(network, settings, folder / f"{name}.pt"):
            table.rows.append(row)
            if shown:
                LOGGER.info("%s", table.line(row))
    table.save()
    if shown:
        LOGGER.info("Results saved to %s", folder)
    _demand(table, settings.verbose)
    return table


@contextmanager
def _data_for(network: Network, settings: BenchmarkSettings) -> Iterator[tuple[BenchmarkSettings, str]]:
    """Give the settings with a data set, and what that is called; drawn people where none is named.

    It stays None where the network has other keypoints than drawn people: it is timed on them, but not measured.
    """
    if settings.data is not None:
        yield settings, Path(settings.data).name
        return
    fits = network.schema is None or network.schema.count == COCO_PERSON.count
    why = "whose accuracy says nothing of photographs" if fits else "and no accuracy: they have other keypoints"
    LOGGER.warning("no data given: taking drawn people, %s; name a data set with data=FILE", why)
    if not fits:
        yield settings, "drawn people"
        return
    with tempfile.TemporaryDirectory(prefix="posekit-") as folder:
        write = write_coco_dataset if network.task in TASKS_WITH_OUTLINES else write_yolo_dataset
        yield replace(settings, data=str(write(Path(folder) / "figures", train=DRAWN, val=DRAWN))), "drawn people"


def _title(settings: BenchmarkSettings, name: str, pictures: str, device: torch.device) -> str:
    threads = wanted_threads() or os.cpu_count() or 1
    place = torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()
    counted = f"{threads} thread{'' if threads == 1 else 's'}"
    how = f"imgsz {settings.imgsz}, batch {settings.batch}, {settings.precision} bits"
    return f"{name}: {how}, {pictures}; {place}, {counted}"


def processor_name() -> str:
    """Return what the processor calls itself, such as "AMD EPYC 9654"."""
    try:
        if sys.platform == "darwin":
            words = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, subprocess.CalledProcessError, StopIteration):
        return platform.processor() or platform.machine()


def _demand(table: Benchmark, floor: bool | float) -> None:
    """Refuse accuracies that are not above the number that ``verbose`` is, if it is one."""
    if isinstance(floor, bool):
        return
    key = score_key(table.task)
    scores = {row["Format"]: row[key] for row in table.rows if row[key] is not None}
    low = [f"{name} {score:.4f}" for name, score in scores.items() if not score > floor]
    if low or not scores:
        found = ", ".join(low) or "no format was measured"
        raise BenchmarkError(f"verbose={floor:g} demands {key} above that: {found}; see {table.folder}")


def benchmark_formats(network: Network, settings: BenchmarkSettings, weights: Path) -> Iterator[Row]:
    """Yield the row of PyTorch, then that of each format, as soon as it is known; see `Benchmark`.

    Args:
        network: which stays as it is.
        settings: ``data`` None measures no accuracy.
        weights: exported files are written beside this path, and named after its stem.
    """
    contents = network.contents(weights)
    columns = ("Format", "Status", SIZE, score_key(network.task), INFERENCE, FPS, BEFORE, AFTER, PARITY)
    for name in (PYTORCH, *(settings.format or FORMATS)):
        row: Row = dict.fromkeys(columns)
        row["Format"] = name
        try:
            if name != PYTORCH:
                FORMATS[name].check(_export_settings(settings, name))
            job = Job(
                mode="benchmark",
                task=network.task,
                settings={"name": name, "settings": vars(settings), "target": weights},
                log_level=max(LOGGER.getEffectiveLevel(), logging.WARNING),
            )
            row |= run_job(job, contents, ["its own"], row.update)
        except PosekitError as error:
            row["Status"] = _reason(error, name, written=row[SIZE] is not None)
            for unfinished in weights.parent.glob(f".{weights.stem}*"):  # by a process that was ended
                shutil.rmtree(unfinished, ignore_errors=True)
        yield row


def _reason(error: PosekitError, name: str, *, written: bool) -> str:
    """Return in one line why a format has no numbers, or not all."""
    said = one_line(error).removeprefix(f"format={name}: ").partition("; nothing was written")[0]
    kind = "not possible" if isinstance(error, SettingError) else "failed"
    if isinstance(error, MissingExtraError):
        kind, said = "not installed", said.rpartition(": ")[2]
    return one_line(f"{'written; ' if written else ''}{kind}: {said}", LONGEST_STATUS)


def measure_format(
    name: str, settings: BenchmarkSettings, weights: Path, target: Path, tell: Callable[[Row], None]
) -> Row:
    """Export a network, and measure the file; in a process of its own.

    Args:
        name: of the format, or `PYTORCH`.
        settings: ``data`` None measures no accuracy.
        weights: of the network.
        target: the file is written beside this path, and named after its stem.
        tell: gets what is known so far, before whatever might crash.

    Returns:
        Columns of the row.
    """
    row: Row = {}
    network = open_model(str(weights)).network_for("benchmark")
    model: Model
    if name == PYTORCH:
        row[SIZE] = size_of(weights) / MEGABYTE
        val = _val_settings(settings, 16 if settings.half else 32, nms=_suppresses(network, settings))
        model = network.ready(val, select_device(settings.device))
    else:
        export = _export_settings(settings, name)
        path = export_network(network, export, target, lambda found: row.update({PARITY: _pixels(found)}))
        row[SIZE] = size_of(path) / MEGABYTE
        tell(row)
        if name not in SESSIONS:
            return row | {"Status": f"written; posekit runs no {name} files"}
        val = _val_settings(settings, 32, nms=True)  # the file itself decides
        model = _ready(open_exported(path), val, settings)
    run = None if settings.data is None else open_validation(val, model)
    pictures = _drawn() if run is None else _read(run.split.pictures.paths)
    row |= measured_times(model, pictures, _predict_settings(settings, val))
    tell(row)
    if run is not None:
        validator = Validator()
        validator.model = model
        row[score_key(model.task)] = validator.run(run).results_dict[score_key(model.task)]
    row["Status"] = OK
    tell(row)
    return row


def _ready(file: Exported, val: ValSettings, settings: BenchmarkSettings) -> Model:
    """Return a file, loaded by its runtime: posekit's, or that of the converter's environment where it lacks one."""
    device = select_device(settings.device)
    try:
        return file.ready(val, device)
    except MissingExtraError:
        if not settings.converter_python:
            raise
    session = start_session(file.format, file.path, file.facts, device, settings.converter_python)
    return ExportedModel(file.facts, session, str(file.path))


def _pixels(found: Differences | None) -> float | None:
    """Return the largest difference of keypoints, else of boxes, that the check of a file has found."""
    return None if found is None else found.largest.get("keypoints", found.largest.get("boxes"))


def _drawn() -> list[Sample]:
    return [make_scene(number) for number in range(TIMED_PICTURES)]


def _read(paths: Sequence[str]) -> list[Sample]:
    source = open_source(list(paths[:TIMED_PICTURES]), download_dir=data_folder() / "downloads")
    with closing(source):
        return [sample for samples in source for sample in samples]


def _export_settings(settings: BenchmarkSettings, name: str) -> ExportSettings:
    shared = {key: getattr(settings, key) for key in ("imgsz", "batch", "device", "precision", "converter_python")}
    data = settings.data if settings.precision == 8 else None
    # Rows that a file chooses itself have to hold what a validation counts.
    return ExportSettings(format=name, data=data, conf=ValSettings.conf, **shared)


def _suppresses(network: Network, settings: BenchmarkSettings) -> bool:
    """Return whether files of the network leave suppression to do, which PyTorch then does as well."""
    export = replace(_export_settings(settings, "torchscript"), imgsz=None, precision=32)
    facts = network.deployed(export, FORMATS[export.format].dialect).facts
    return not (facts.selection == "rank" or (facts.layout == "rows" and facts.iou is None))


def _val_settings(settings: BenchmarkSettings, precision: int, *, nms: bool) -> ValSettings:
    """Return settings that let all formats see the same pixels: squares, in files of one size and in PyTorch."""
    return ValSettings(
        data=settings.data,
        imgsz=settings.imgsz,
        batch=settings.batch,
        device=settings.device,
        precision=cast(Any, precision),
        rect=False,
        nms=nms,
        plots=False,
        verbose=False,
    )


def _predict_settings(settings: BenchmarkSettings, val: ValSettings) -> PredictSettings:
    shared = {key: getattr(val, key) for key in ("imgsz", "device", "precision", "rect", "nms", "verbose")}
    return PredictSettings(batch=settings.batch, **shared)


def measured_times(model: Model, pictures: Sequence[Sample], settings: PredictSettings) -> Row:
    """Return milliseconds per picture of the three stages of a prediction, medians, and pictures per second.

    The pictures come in turn. `FPS` is of the network alone, as it is elsewhere.
    """
    settings = model.adapt(settings)
    batch = settings.batch
    taken: list[tuple[float, float, float]] = []
    for turn in range(WARM_UPS + REPEATS):
        samples = [pictures[(turn * batch + index) % len(pictures)] for index in range(batch)]
        taken.append(_timed(model, samples, settings))
    stages = [median(times) * 1e3 / batch for times in zip(*taken[WARM_UPS:], strict=True)]
    return {**dict(zip(STAGES, stages, strict=True)), FPS: 1e3 / stages[1]}


def _timed(model: Model, samples: list[Sample], settings: PredictSettings) -> tuple[float, float, float]:
    """Return the seconds that placing, network and decoding take."""
    start = perf_counter()
    batch = model.placing.prepare(samples, cast(tuple[int, int], settings.imgsz), rect=False)
    placed = perf_counter()
    outputs = model.run(batch, settings)
    wait_for(model.device)
    ran = perf_counter()
    model.detect(outputs, batch, settings, "input")
    return placed - start, ran - placed, perf_counter() - ran


def save_chart(table: Benchmark, path: Path) -> None:
    """Write bars of the times and of the accuracy of all formats that have any, as a PNG."""
    key = score_key(table.task)
    rows = [row for row in table.rows if row[INFERENCE] is not None or row[key] is not None]
    names = [row["Format"] for row in rows]
    with styled():
        figure = new_chart(CHART_WIDTH, HEAD + rows_height(len(rows)) + 110, "Formats", table.title)
        if not rows:
            say_nothing_to_show(figure.subplots(), "no format was measured")
        else:
            times, scores = figure.subplots(1, 2, width_ratios=(3, 2))
            _draw_times(times, rows, names)
            prepare_rows(scores, [], len(rows))
            values = [float("nan") if row[key] is None else row[key] for row in rows]
            draw_bars(scores, values, [_number(row[key], 3) for row in rows], CLASS_COLORS[2])
            scores.set_xlim(0, 1.12)
            scores.set_title(key.removeprefix("metrics/"))
        write_whole(path, png_bytes(figure))


def _draw_times(axes: "Axes", rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    prepare_rows(axes, names, len(rows))
    ends = [0.0] * len(rows)
    for stage, color in zip(STAGES, STAGE_COLORS, strict=True):
        lengths = [row[stage] or 0.0 for row in rows]
        label = stage.partition(" ")[0].lower()
        axes.barh(range(len(rows)), lengths, left=ends, height=0.62, color=rgb(color), label=label)
        ends = [end + length for end, length in zip(ends, lengths, strict=True)]
    for number, (row, end) in enumerate(zip(rows, ends, strict=True)):
        text = "-" if row[INFERENCE] is None else f"{end:.1f}"
        axes.annotate(
            text, (end, number), xytext=(5, 0), textcoords="offset points", va="center_baseline", fontsize=SMALL
        )
    axes.set_xlim(0, max(ends) * 1.12 or 1)
    axes.set_title("milliseconds per picture")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3)
