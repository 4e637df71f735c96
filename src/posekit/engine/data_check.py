"""Checks a whole data set: reads every split and runs all checks over it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from posekit.config.commands import TASKS_WITH_KEYPOINTS
from posekit.data.checks.checks import (
    find_class_imbalance,
    find_duplicate_objects,
    find_duplicate_pictures,
    find_leakage,
    find_outliers,
    find_swapped_sides,
    find_unused_keypoints,
    find_visibility_misuse,
    picture_prints,
)
from posekit.data.checks.findings import Example, Finding, Severity, finding
from posekit.data.checks.table import ObjectTable, Statistics, measure, table_of
from posekit.data.dataset import read_description, require_split
from posekit.data.description import DatasetDescription
from posekit.data.labels import PictureLabels, Split
from posekit.data.loader import labelled_sample
from posekit.data.open_split import open_split
from posekit.errors import DatasetNotFoundError
from posekit.files.problems import Problem
from posekit.io.decode import read_image
from posekit.log import LOGGER
from posekit.sample import Floats, Picture
from posekit.schema.schema import KeypointSchema, SigmaChoice, resolve_sigmas
from posekit.version import __version__
from posekit.viz.chart_style import DARK, LIGHT, Look
from posekit.viz.dataset_charts import box_size_chart, class_count_chart, mean_pose_chart, visibility_chart
from posekit.viz.draw import DrawOptions, Scene, draw_scene
from posekit.viz.report import Chart, ReportPage, Table, save_report

MARGIN: Final = 0.4  # around the object of an example, in shares of its longer side
LISTED_PROBLEMS: Final = 500


@dataclass(frozen=True, kw_only=True, eq=False)
class DataCheck:
    """What a check of a data set came to.

    Attributes:
        description: the data set.
        splits: its splits by name; several names may stand for the same pictures, which are then read once.
        schema: its keypoints; None for tasks without.
        sigmas: the OKS sigmas that losses and scores will use; None without keypoints.
        statistics: its numbers.
        findings: what the checks noticed, in the order of the checks.
        problems: what the readers stumbled over.
    """

    description: DatasetDescription
    splits: Mapping[str, Split]
    schema: KeypointSchema | None
    sigmas: SigmaChoice | None
    statistics: Statistics
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> int:
        """How many findings are errors; reader problems count as one."""
        return sum(one.severity == "error" for one in self.findings)


def check_dataset(data: str, *, task: str = "pose") -> DataCheck:
    """Read a data set and run all checks over it.

    Args:
        data: what ``data=`` takes in training and validation.
        task: how labels are read: detect, segment, pose or multitask.

    Raises:
        DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: it cannot be read.
        UnreadableImageError: a picture cannot be decoded.
    """
    description = read_description(data, task=task)
    splits = dict(_read_splits(description, task))
    schema = _schema(splits, task)
    names = next(iter(splits.values())).names
    table = table_of(splits, schema)
    statistics = measure(splits, table, len(names))
    findings = [*_reading(splits), *_label_findings(table, schema), *find_class_imbalance(statistics, names)]
    LOGGER.info("comparing %d pictures", sum(len(split.pictures) for split in splits.values()))
    prints = picture_prints(splits)
    findings += [*find_leakage(prints), *find_duplicate_pictures(prints), *find_duplicate_objects(table)]
    return DataCheck(
        description=description,
        splits=splits,
        schema=schema,
        sigmas=None if schema is None else resolve_sigmas(schema),
        statistics=statistics,
        findings=tuple(findings),
        problems=tuple(problem for split in splits.values() for problem in split.report.problems),
    )


def _read_splits(description: DatasetDescription, task: str) -> Iterator[tuple[str, Split]]:
    """Yield the splits that exist; train and val must, test may be missing."""
    seen = set()
    for name, places in description.splits.items():
        if places in seen:
            LOGGER.info("%s has the same pictures as another split, and is checked with it", name)
            continue
        seen.add(places)
        try:
            described = require_split(description, name)
        except DatasetNotFoundError as error:
            if name != "test":
                raise
            LOGGER.warning("%s", error)
            continue
        yield name, open_split(described, name, task=task)


def _schema(splits: Mapping[str, Split], task: str) -> KeypointSchema | None:
    """Return the keypoints that the task reads; a data set may have more than its labels are read for."""
    if task not in TASKS_WITH_KEYPOINTS:
        return None
    return next((split.schema for split in splits.values() if split.schema is not None), None)


def _label_findings(table: ObjectTable, schema: KeypointSchema | None) -> list[Finding]:
    if schema is None:
        return find_outliers(table, schema)
    return [
        *find_swapped_sides(table, schema),
        *find_visibility_misuse(table, schema),
        *find_unused_keypoints(table, schema),
        *find_outliers(table, schema),
        *([finding("no_flip_map")] if schema.flip_idx is None else []),
    ]


def _reading(splits: Mapping[str, Split]) -> list[Finding]:
    """Return what reading left out as one finding."""
    corrupt = sum(split.report.corrupt for split in splits.values())
    dropped = sum(split.report.dropped for split in splits.values())
    count = sum(len(split.report.problems) for split in splits.values())
    if not count:
        return []
    severity: Severity = "error" if corrupt or dropped else "note"
    return [finding("problems", count, severity=severity, pictures=corrupt, objects=dropped)]


def write_report(check: DataCheck, path: Path) -> None:
    """Write the report of a data check as one HTML file."""
    save_report(
        ReportPage(
            title=f"Data check: {Path(check.description.source).stem}",
            subtitle=check.description.source,
            summary=_summary(check),
            findings=[(one, [_shown(check, example) for example in one.examples]) for one in check.findings],
            charts=_charts(check),
            tables=_tables(check),
            footer=f"posekit {__version__}",
        ),
        path,
    )


def console_lines(check: DataCheck) -> list[str]:
    """Return what the command prints: counts of each split, then each finding."""
    lines = [
        f"{split.name}: {split.pictures} pictures ({split.background} without objects), {split.objects} objects, "
        f"{split.with_keypoints} with keypoints, {split.corrupt} pictures and {split.dropped} objects left out"
        for split in check.statistics.splits
    ]
    if check.sigmas is not None:
        lines.append(check.sigmas.explanation)
    lines += [f"{one.severity.upper()} {one.title}. {one.advice}" for one in check.findings]
    return lines if check.findings else [*lines, "Nothing suspicious was found."]


def _summary(check: DataCheck) -> list[tuple[str, str]]:
    splits = check.statistics.splits
    summary = [
        ("pictures", " + ".join(f"{split.pictures:,} {split.name}" for split in splits)),
        ("objects", f"{sum(split.objects for split in splits):,}"),
        ("classes", str(len(check.statistics.class_counts))),
    ]
    if check.schema is not None and check.sigmas is not None:
        summary.append(("keypoints", f"{check.schema.count} x {check.schema.shape[1]}"))
        summary.append(("OKS sigmas", "guessed" if check.sigmas.guessed else check.sigmas.origin))
    return summary


def _shown(check: DataCheck, example: Example) -> tuple[str, Picture]:
    """Return an example's caption and picture."""
    labels = check.splits[example.split].pictures[example.picture]
    name = f"{example.split}/{Path(labels.path).name}"
    caption = f"{name}: {example.caption}" if example.caption else name
    return caption, _overlay(read_image(Path(labels.path)), labels, example, check.schema)


def _overlay(picture: Picture, labels: PictureLabels, example: Example, schema: KeypointSchema | None) -> Picture:
    """Draw the objects in question, or all of the picture, and cut out what is around them."""
    sample = labelled_sample(picture, labels)
    rows = np.array(example.objects or range(len(labels)), np.int64)
    scene = Scene(
        color_numbers=sample.classes[rows],
        boxes=sample.boxes[rows],
        keypoints=None if sample.keypoints is None else _emphasised(sample.keypoints[rows], example),
        schema=schema,
    )
    drawn = draw_scene(picture, scene, DrawOptions(labels=False))
    if not example.objects:
        return drawn
    points = sample.boxes[rows].reshape(-1, 2)
    if sample.keypoints is not None:
        chosen = sample.keypoints[rows]
        points = np.concatenate((points, chosen[chosen[..., 2] > 0][:, :2]))
    near, far = points.min(0), points.max(0)
    margin = MARGIN * float(max((far - near).max(), 40.0))
    height, width = picture.shape[:2]
    x1, y1 = np.clip(near - margin, 0, (width - 2, height - 2)).astype(int).tolist()
    x2, y2 = np.clip(far + margin, (x1 + 2, y1 + 2), (width, height)).astype(int).tolist()
    return np.ascontiguousarray(drawn[y1:y2, x1:x2])


def _emphasised(keypoints: Floats, example: Example) -> Floats:
    """Return the keypoints, those in question labelled even where their visibility is 0, so that they are drawn."""
    shown = keypoints.copy()
    for index in example.keypoints:
        shown[:, index, 2] = 2
    return shown


def _charts(check: DataCheck) -> list[Chart]:
    statistics = check.statistics
    names = [next(iter(check.splits.values())).names[number] for number in range(len(statistics.class_counts))]
    charts = [
        _chart("Objects per class", lambda look: class_count_chart(statistics.class_counts, names, look=look)),
        _chart("Sizes of boxes", lambda look: box_size_chart(statistics.box_sizes, look=look)),
    ]
    schema = check.schema
    if schema is not None:
        charts.append(
            _chart("Visibility", lambda look: visibility_chart(statistics.visibility, schema.names, look=look))
        )
        charts.append(_chart("Mean pose", lambda look: mean_pose_chart(statistics.mean_points, schema, look=look)))
    return charts


def _chart(title: str, draw: Callable[[Look], bytes]) -> Chart:
    return Chart(title=title, picture=draw(LIGHT), dark=draw(DARK))


def _tables(check: DataCheck) -> list[Table]:
    header = (
        "split", "pictures", "without objects", "objects", "with keypoints", "pictures left out", "objects left out"
    )  # fmt: skip
    rows = [
        (
            split.name,
            split.pictures,
            split.background,
            split.objects,
            split.with_keypoints,
            split.corrupt,
            split.dropped,
        )
        for split in check.statistics.splits
    ]
    tables = [Table(title="Splits", header=header, rows=rows)]
    if check.schema is not None and check.sigmas is not None:
        tables.append(_keypoint_table(check, check.schema, check.sigmas.values))
    if check.problems:
        listed = [(str(problem), problem.objects) for problem in check.problems[:LISTED_PROBLEMS]]
        more = len(check.problems) - len(listed)
        title = "Remarks of the reader" + (f" (the first {LISTED_PROBLEMS}; {more} more)" if more else "")
        tables.append(Table(title=title, header=("remark", "objects left out"), rows=listed))
    return tables


def _keypoint_table(check: DataCheck, schema: KeypointSchema, sigmas: tuple[float, ...]) -> Table:
    flips = schema.flip_idx or (None,) * schema.count
    return Table(
        title="Keypoints",
        header=("index", "name", "unlabelled", "hidden", "visible", "mirror partner", "OKS sigma"),
        rows=[
            (index, name, *counts, None if flip is None else schema.names[flip], sigma)
            for index, (name, counts, flip, sigma) in enumerate(
                zip(schema.names, check.statistics.visibility.tolist(), flips, sigmas, strict=True)
            )
        ],
    )
