"""Merges keypoint and segment labels of the same pictures to multitask labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from posekit.data.annotation import Corners, box_overlaps
from posekit.data.yolo.rows import LAYOUTS, Floats, Rows, cut_rows, read_label_bytes, read_numbers
from posekit.errors import DatasetError, DatasetNotFoundError, SettingError
from posekit.files.problems import Problem
from posekit.files.writing import new_folder


def match_boxes(first: Corners, second: Corners, *, iou: float) -> list[tuple[int, int]]:
    """Return pairs of boxes so that their overlaps add up to the largest possible sum.

    Args:
        first: (N, 4) corners x1, y1, x2, y2.
        second: (M, 4) likewise.
        iou: smallest overlap of a pair, intersection over union.

    Returns:
        Index pairs in rising order of the first; each box is in one pair at most.
    """
    from scipy.optimize import linear_sum_assignment

    overlaps = box_overlaps(first, second)
    overlaps[overlaps < iou] = 0
    rows, columns = linear_sum_assignment(overlaps, maximize=True)
    return [(row, column) for row, column in zip(rows.tolist(), columns.tolist(), strict=True) if overlaps[row, column]]


Kind = Literal["pose", "outline"]
_BOX_COLUMNS = 5
_FEWEST_OUTLINE_VALUES = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class MergeRow:
    """One row of a pose or segment label file.

    Attributes:
        line: 1-based line number.
        label: class number.
        words: the values behind the class, as written.
        values: the same as numbers, float32.
        corners: (4,) x1, y1, x2, y2 of the box, or of the extent of the outline.
    """

    line: int
    label: int
    words: tuple[str, ...]
    values: Floats
    corners: Floats


def read_rows(path: Path, kind: Kind) -> tuple[list[MergeRow], list[Problem]]:
    """Return the usable rows of a label file, and a problem for each other one.

    Args:
        path: the file.
        kind: "pose": class, box and keypoints; "outline": class and 3 or more corners.
    """
    content = read_label_bytes(str(path))
    if not isinstance(content, bytes):
        return [], [] if content is None else [content]
    text, unread = read_numbers(cut_rows(content, str(path)))
    problems = [replace(problem, objects=1) for problem in unread]
    rows = []
    for row, values in enumerate(text.values()):
        problem = _problem(text, row, values, kind)
        if problem is not None:
            problems.append(problem)
            continue
        words = tuple(word.decode("ascii", "replace") for word in text.words[row][1:])
        corners = _corners(values, kind)
        rows.append(
            MergeRow(line=text.numbers[row], label=int(values[0]), words=words, values=values[1:], corners=corners)
        )
    return rows, sorted(problems, key=lambda problem: problem.line or 0)


def _problem(rows: Rows, row: int, values: Floats, kind: Kind) -> Problem | None:
    width = len(values)
    if values[0] < 0 or values[0] != int(values[0]):
        text = f"class {values[0]:g} is no whole number from 0 on; the row is left out"
        return rows.problem(row, 0, "bad_class", text, objects=1)
    if kind == "pose" and width <= _BOX_COLUMNS:
        text = f"{width} columns: no keypoints behind class and box; the row is left out"
    elif kind == "outline" and (width - 1 < _FEWEST_OUTLINE_VALUES or width % 2 == 0):
        text = f"{width} columns, expected a class and x y of 3 or more corners; the row is left out"
    else:
        return None
    return rows.problem(row, width - 1, "wrong_columns", text, objects=1)


def _corners(values: Floats, kind: Kind) -> Floats:
    if kind == "pose":
        centre, half = values[1:3], np.abs(values[3:5]) / 2
        return np.concatenate([centre - half, centre + half])
    points = values[1:].reshape(-1, 2)
    return np.concatenate([points.min(0), points.max(0)])


def told_kpt_shape(rows: Sequence[MergeRow]) -> tuple[int, int] | None:
    """Return the (K, D) that pose rows tell by themselves; None when they do not agree, or there are none.

    D is 3 where every third value is a visibility 0, 1 or 2, else 2.
    """
    widths = {len(row.values) - 4 for row in rows}
    if len(widths) != 1:
        return None
    (width,) = widths
    keypoints = np.stack([row.values[4:] for row in rows])
    if width % 3 == 0 and np.isin(keypoints[:, 2::3], (0, 1, 2)).all():
        return width // 3, 3
    return (width // 2, 2) if width % 2 == 0 else None


WITH_BOX, WITHOUT_BOX = LAYOUTS


@dataclass(kw_only=True)
class Merged:
    """What a merge came to.

    Attributes:
        path: the folder that was written.
        kpt_shape: (K, D) of the keypoints, given or told by the rows.
        keypoint_classes: classes that have keypoints; rows of others have none (layout without box) or zeros.
        files: label files written.
        matched: objects with keypoints and outline.
        outlines_alone: objects of these classes whose outline no pose fits; their keypoints are zeros.
        poses_alone: poses that no outline fits.
        problems: everything that was left out, one entry each.
    """

    path: Path
    kpt_shape: tuple[int, int]
    keypoint_classes: tuple[int, ...]
    files: int = 0
    matched: int = 0
    outlines_alone: int = 0
    poses_alone: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _LabelFile:
    """The rows of one picture in both label sets."""

    name: str
    pose_path: Path
    poses: list[MergeRow]
    outlines: list[MergeRow]
    has_outline_file: bool


def merge_kpt_seg(
    kpt: str | Path,
    seg: str | Path,
    out: str | Path,
    *,
    kpt_shape: tuple[int, int] | None = None,
    iou: float = 0.5,
    layout: str = WITHOUT_BOX,
) -> Merged:
    """Merge pose labels and segment labels of the same pictures; the new folder appears complete or not at all.

    In each file the poses and outlines of the same class are paired one to one by the overlap of their boxes, so
    that the sum of overlaps is the largest possible. Rows are in the order of the segment file, with the numbers as
    they were written:

    =======================  ===================================================
    keypoints_polygon        class, keypoints, outline
    box_keypoints_polygon    class, box (the extent of the outline), keypoints, outline
    =======================  ===================================================

    An outline that no pose fits gets keypoints of zeros. Classes that have no pose in the whole set get the outline
    alone in the first layout, zeros in the second. A pose that no outline fits has no place in the first layout: it
    is left out, with a problem; in the second it stays, without outline, at the end of its file.

    Args:
        kpt: folder of pose label files (class, box, keypoints), with folders in it or not.
        seg: folder of segment label files (class, outline), laid out alike.
        out: a new or empty folder.
        kpt_shape: (K, D) of the keypoints; None takes what the rows tell.
        iou: smallest overlap of a pair, above 0 and up to 1.
        layout: of the rows, see above.

    Raises:
        DatasetNotFoundError: a folder does not exist or holds no label files.
        DatasetError: there are no poses, or their rows have other keypoints than expected.
        SettingError: `iou` or `layout` is out of range.
        OutputError: `out` holds something already, or cannot be written.
    """
    if not 0 < iou <= 1:
        raise SettingError(f"iou={iou} is out of range: expected a number above 0 and up to 1")
    if layout not in LAYOUTS:
        raise SettingError(f"layout={layout} is not known: expected one of {', '.join(LAYOUTS)}")
    files, problems = _read(Path(kpt), Path(seg))
    poses = [row for file in files for row in file.poses]
    if not poses:
        reason = f"; the first of {len(problems)} problems: {problems[0]}" if problems else ""
        raise DatasetError(f"{kpt}: its label files hold no pose (class, box, keypoints){reason}")
    merged = Merged(
        path=Path(out),
        kpt_shape=kpt_shape or _told_shape(kpt, poses),
        keypoint_classes=tuple(sorted({row.label for row in poses})),
        problems=problems,
    )
    with new_folder(Path(out)) as draft:
        for file in files:
            _write(file, draft, merged, iou, layout)
    return merged


def _read(kpt: Path, seg: Path) -> tuple[list[_LabelFile], list[Problem]]:
    names = [_label_files(folder) for folder in (kpt, seg)]
    files, problems = [], []
    for name in sorted(names[0] | names[1]):
        poses, pose_problems = read_rows(kpt / name, "pose")
        outlines, outline_problems = read_rows(seg / name, "outline")
        problems += pose_problems + outline_problems
        files.append(
            _LabelFile(
                name=name, pose_path=kpt / name, poses=poses, outlines=outlines, has_outline_file=name in names[1]
            )
        )
    return files, problems


def _label_files(folder: Path) -> set[str]:
    """Return the paths of all label files below a folder, relative to it."""
    if not folder.is_dir():
        raise DatasetNotFoundError(f"{folder}: there is no such folder of label files")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.txt") if path.is_file()}
    if not found:
        raise DatasetNotFoundError(f"{folder}: there are no label files (*.txt) in it")
    return found


def _told_shape(kpt: str | Path, poses: Sequence[MergeRow]) -> tuple[int, int]:
    shape = told_kpt_shape(poses)
    if shape is None:
        raise DatasetError(f"{kpt}: its rows do not tell how many keypoints there are: give kpt_shape=[K,2] or [K,3]")
    return shape


def _write(file: _LabelFile, draft: Path, merged: Merged, iou: float, layout: str) -> None:
    """Write one file, and add what happened to `merged`."""
    poses = _with_shape(file, merged)
    partners = _partners(poses, file.outlines, iou)
    rows = [_row(outline, partners.get(number), merged, layout) for number, outline in enumerate(file.outlines)]
    matched = {id(pose) for pose in partners.values()}
    alone = [pose for pose in poses if id(pose) not in matched]
    merged.matched += len(partners)
    merged.outlines_alone += sum(outline.label in merged.keypoint_classes for outline in file.outlines) - len(partners)
    merged.poses_alone += len(alone)
    if layout == WITH_BOX:
        rows += [f"{pose.label} {' '.join(pose.words)}" for pose in alone]
    else:
        merged.problems += [_left_out(pose, file) for pose in alone]
    if not file.has_outline_file and not rows:
        return
    target = draft / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    merged.files += 1


def _with_shape(file: _LabelFile, merged: Merged) -> list[MergeRow]:
    """Return the poses with the right number of values; each other one is a problem."""
    count, dims = merged.kpt_shape
    wanted = 4 + count * dims
    for pose in file.poses:
        if len(pose.values) != wanted:
            text = (
                f"{len(pose.values) + 1} columns, expected {wanted + 1}: class, box, {count} keypoints of {dims} values"
            )
            merged.problems.append(
                Problem(file=str(file.pose_path), line=pose.line, message=text, code="wrong_columns", objects=1)
            )
    return [pose for pose in file.poses if len(pose.values) == wanted]


def _partners(poses: Sequence[MergeRow], outlines: Sequence[MergeRow], iou: float) -> dict[int, MergeRow]:
    """Return the pose that belongs to each outline, by the number of the outline."""
    partners: dict[int, MergeRow] = {}
    for label in {pose.label for pose in poses} & {outline.label for outline in outlines}:
        first = [number for number, outline in enumerate(outlines) if outline.label == label]
        second = [pose for pose in poses if pose.label == label]
        pairs = match_boxes(
            np.stack([outlines[number].corners for number in first]),
            np.stack([pose.corners for pose in second]),
            iou=iou,
        )
        partners |= {first[a]: second[b] for a, b in pairs}
    return partners


def _row(outline: MergeRow, pose: MergeRow | None, merged: Merged, layout: str) -> str:
    count, dims = merged.kpt_shape
    keypoints = ["0"] * (count * dims) if pose is None else list(pose.words[4:])
    if layout == WITHOUT_BOX and outline.label not in merged.keypoint_classes:
        keypoints = []
    box = []
    if layout == WITH_BOX:
        x1, y1, x2, y2 = outline.corners.tolist()
        box = [f"{value:g}" for value in ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)]
    return " ".join([str(outline.label), *box, *keypoints, *outline.words])


def _left_out(pose: MergeRow, file: _LabelFile) -> Problem:
    reason = "no outline of its class overlaps it enough" if file.has_outline_file else "there is no segment file"
    text = f"{reason}: the pose is left out; layout={WITH_BOX} would keep it"
    return Problem(file=str(file.pose_path), line=pose.line, message=text, code="pose_without_outline", objects=1)
