"""The report of a data check: a page with overlays, and a summary for the console."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from posekit.data.checks.finding import Example, Finding
from posekit.data.labels import PictureLabels
from posekit.data.loader import labelled_sample
from posekit.engine.data_check import DataCheck
from posekit.io.decode import read_image
from posekit.sample import Floats
from posekit.schema import KeypointSchema
from posekit.version import __version__
from posekit.viz import report_page
from posekit.viz.dataset_charts import box_size_chart, class_count_chart, visibility_chart
from posekit.viz.draw import draw_scene
from posekit.viz.mean_pose_chart import mean_pose_chart
from posekit.viz.options import DrawOptions
from posekit.viz.plots.figure import DARK, LIGHT, Look
from posekit.viz.report_html import save_report
from posekit.viz.scene import Picture, Scene

# Examples show the object with so much around it, in shares of its longer side.
MARGIN = 0.4
LISTED_PROBLEMS = 500


def write_report(check: DataCheck, path: Path) -> None:
    """Write the report of a data check as one HTML file.

    Raises:
        OutputError: the file cannot be written.
    """
    save_report(
        report_page.ReportPage(
            title=f"Data check: {Path(check.description.source).stem}",
            subtitle=check.description.source,
            summary=_summary(check),
            findings=[_shown(check, finding) for finding in check.findings],
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
    lines += [f"{finding.severity.upper()} {finding.title}. {finding.advice}" for finding in check.findings]
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


def _shown(check: DataCheck, finding: Finding) -> report_page.Finding:
    return report_page.Finding(
        severity=finding.severity,
        title=finding.title,
        explanation=finding.explanation,
        advice=finding.advice,
        count=finding.count,
        examples=[_example(check, example) for example in finding.examples],
    )


def _example(check: DataCheck, example: Example) -> report_page.Example:
    labels = check.splits[example.split].pictures[example.picture]
    picture = read_image(Path(labels.path))
    drawn = _overlay(picture, labels, example, check.schema)
    name = f"{example.split}/{Path(labels.path).name}"
    return report_page.Example(caption=f"{name}: {example.caption}" if example.caption else name, picture=drawn)


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


def _charts(check: DataCheck) -> list[report_page.Chart]:
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


def _chart(title: str, draw: Callable[[Look], bytes]) -> report_page.Chart:
    return report_page.Chart(title=title, picture=draw(LIGHT), dark=draw(DARK))


def _tables(check: DataCheck) -> list[report_page.Table]:
    header = (
        "split", "pictures", "without objects", "objects", "with keypoints", "pictures left out", "objects left out"
    )  # fmt: skip
    tables = [
        report_page.Table(
            title="Splits",
            header=header,
            rows=[
                (s.name, s.pictures, s.background, s.objects, s.with_keypoints, s.corrupt, s.dropped)
                for s in check.statistics.splits
            ],
        )
    ]
    if check.schema is not None and check.sigmas is not None:
        tables.append(_keypoint_table(check, check.schema, check.sigmas.values))
    if check.problems:
        listed = [(str(problem), problem.objects) for problem in check.problems[:LISTED_PROBLEMS]]
        more = len(check.problems) - len(listed)
        title = "Remarks of the reader" + (f" (the first {LISTED_PROBLEMS}; {more} more)" if more else "")
        tables.append(report_page.Table(title=title, header=("remark", "objects left out"), rows=listed))
    return tables


def _keypoint_table(check: DataCheck, schema: KeypointSchema, sigmas: tuple[float, ...]) -> report_page.Table:
    flips = schema.flip_idx or (None,) * schema.count
    return report_page.Table(
        title="Keypoints",
        header=("index", "name", "unlabelled", "hidden", "visible", "mirror partner", "OKS sigma"),
        rows=[
            (index, name, *counts, None if flip is None else schema.names[flip], sigma)
            for index, (name, counts, flip, sigma) in enumerate(
                zip(schema.names, check.statistics.visibility.tolist(), flips, sigmas, strict=True)
            )
        ],
    )
