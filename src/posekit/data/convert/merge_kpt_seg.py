"""Merges keypoint and segment labels of the same pictures to multitask labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from posekit.data.yolo.rows import LAYOUTS, Floats, cut_rows, read_label_bytes, read_numbers
from posekit.errors import DatasetError, DatasetNotFoundError, SettingError
from posekit.files.problems import Problem
from posekit.files.writing import new_folder
from posekit.ops.boxes import exact_iou

WITH_BOX, WITHOUT_BOX = LAYOUTS

_BOX_COLUMNS = 5
_FEWEST_POLYGON_VALUES = 6


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
    problems: list[Problem] = []
    names = [_label_files(Path(folder)) for folder in (kpt, seg)]
    files = {
        name: (_read_rows(Path(kpt, name), problems, pose=True), _read_rows(Path(seg, name), problems, pose=False))
        for name in sorted(names[0] | names[1])
    }
    poses = [row for of_file, _ in files.values() for row in of_file]
    if not poses:
        reason = f"; the first of {len(problems)} problems: {problems[0]}" if problems else ""
        raise DatasetError(f"{kpt}: its label files hold no pose (class, box, keypoints){reason}")
    kpt_shape = kpt_shape or _told_shape(poses)
    if kpt_shape is None:
        raise DatasetError(f"{kpt}: its rows do not tell how many keypoints there are: give kpt_shape=[K,2] or [K,3]")
    classes = tuple(sorted({row.label for row in poses}))
    merged = Merged(path=Path(out), kpt_shape=kpt_shape, keypoint_classes=classes, problems=problems)
    with new_folder(Path(out)) as draft:
        for name, (of_file, outlines) in files.items():
            usable = _with_shape(of_file, merged)
            rows = _merge(usable, outlines, merged, iou, layout, has_outline_file=name in names[1])
            if rows or name in names[1]:
                target = draft / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
                merged.files += 1
    return merged


def _label_files(folder: Path) -> set[str]:
    """Return the paths of all label files below a folder, relative to it."""
    if not folder.is_dir():
        raise DatasetNotFoundError(f"{folder}: there is no such folder of label files")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.txt") if path.is_file()}
    if not found:
        raise DatasetNotFoundError(f"{folder}: there are no label files (*.txt) in it")
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class _Row:
    """One row of a label file.

    Attributes:
        file: name of the file.
        line: 1-based line number.
        label: class number.
        words: the values behind the class, as written.
        values: the same as numbers, float32.
        corners: (4,) x1, y1, x2, y2 of the box, or of the extent of the outline.
    """

    file: str
    line: int
    label: int
    words: tuple[str, ...]
    values: Floats
    corners: Floats

    def problem(self, message: str, code: str) -> Problem:
        """Return what leaves this row out."""
        return Problem(file=self.file, line=self.line, message=message, code=code, objects=1)


def _read_rows(path: Path, problems: list[Problem], *, pose: bool) -> list[_Row]:
    """Return the rows that are a pose (class, box and keypoints) or an outline; each other one is a problem."""
    content = read_label_bytes(str(path))
    if not isinstance(content, bytes):
        problems += [] if content is None else [content]
        return []
    text, unread = read_numbers(cut_rows(content, str(path)))
    wrong = [replace(problem, objects=1) for problem in unread]
    rows = []
    for row, (line, words, values) in enumerate(zip(text.numbers, text.words, text.values(), strict=True)):
        width = len(values)
        if values[0] < 0 or values[0] != int(values[0]):
            told = f"class {values[0]:g} is no whole number from 0 on; the row is left out"
            wrong.append(text.problem(row, 0, "bad_class", told, objects=1))
            continue
        if pose and width <= _BOX_COLUMNS:
            told = f"{width} columns: no keypoints behind class and box; the row is left out"
        elif not pose and (width - 1 < _FEWEST_POLYGON_VALUES or width % 2 == 0):
            told = f"{width} columns, expected a class and x y of 3 or more corners; the row is left out"
        else:
            corners = _corners(values, pose=pose)
            behind = tuple(word.decode("ascii", "replace") for word in words[1:])
            rows.append(
                _Row(file=str(path), line=line, label=int(values[0]), words=behind, values=values[1:], corners=corners)
            )
            continue
        wrong.append(text.problem(row, width - 1, "wrong_columns", told, objects=1))
    problems += sorted(wrong, key=lambda problem: problem.line or 0)
    return rows


def _corners(values: Floats, *, pose: bool) -> Floats:
    if pose:
        centre, half = values[1:3], np.abs(values[3:5]) / 2
        return np.concatenate([centre - half, centre + half])
    points = values[1:].reshape(-1, 2)
    return np.concatenate([points.min(0), points.max(0)])


def _told_shape(poses: Sequence[_Row]) -> tuple[int, int] | None:
    """Return the (K, D) that pose rows tell by themselves; None when they do not agree.

    D is 3 where every third value is a visibility 0, 1 or 2, else 2.
    """
    widths = {len(row.values) - 4 for row in poses}
    if len(widths) != 1:
        return None
    (width,) = widths
    keypoints = np.stack([row.values[4:] for row in poses])
    if width % 3 == 0 and np.isin(keypoints[:, 2::3], (0, 1, 2)).all():
        return width // 3, 3
    return (width // 2, 2) if width % 2 == 0 else None


def _with_shape(poses: Sequence[_Row], merged: Merged) -> list[_Row]:
    """Return the poses with the right number of values; each other one is a problem."""
    count, dims = merged.kpt_shape
    wanted = 4 + count * dims
    expected = f"expected {wanted + 1}: class, box, {count} keypoints of {dims} values"
    merged.problems += [
        pose.problem(f"{len(pose.values) + 1} columns, {expected}", "wrong_columns")
        for pose in poses
        if len(pose.values) != wanted
    ]
    return [pose for pose in poses if len(pose.values) == wanted]


def _merge(
    poses: Sequence[_Row], outlines: Sequence[_Row], merged: Merged, iou: float, layout: str, *, has_outline_file: bool
) -> list[str]:
    """Return the rows of one file, and add what happened to `merged`."""
    count, dims = merged.kpt_shape
    partners = _partners(poses, outlines, iou)
    rows = []
    for number, outline in enumerate(outlines):
        pose = partners.get(number)
        keypoints = ["0"] * (count * dims) if pose is None else list(pose.words[4:])
        box = []
        if layout == WITH_BOX:
            x1, y1, x2, y2 = outline.corners.tolist()
            box = [f"{value:g}" for value in ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)]
        elif outline.label not in merged.keypoint_classes:
            keypoints = []
        rows.append(" ".join([str(outline.label), *box, *keypoints, *outline.words]))
    matched = {id(pose) for pose in partners.values()}
    alone = [pose for pose in poses if id(pose) not in matched]
    merged.matched += len(partners)
    merged.outlines_alone += sum(outline.label in merged.keypoint_classes for outline in outlines) - len(partners)
    merged.poses_alone += len(alone)
    if layout == WITH_BOX:
        return [*rows, *(f"{pose.label} {' '.join(pose.words)}" for pose in alone)]
    reason = "no outline of its class overlaps it enough" if has_outline_file else "there is no segment file"
    told = f"{reason}: the pose is left out; layout={WITH_BOX} would keep it"
    merged.problems += [pose.problem(told, "pose_without_outline") for pose in alone]
    return rows


def _partners(poses: Sequence[_Row], outlines: Sequence[_Row], iou: float) -> dict[int, _Row]:
    """Return the pose that belongs to each outline, by the number of the outline."""
    partners: dict[int, _Row] = {}
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


def match_boxes(first: Floats, second: Floats, *, iou: float) -> list[tuple[int, int]]:
    """Return pairs of boxes (N, 4) and (M, 4), corners, so that their overlaps add up to the largest possible sum.

    Index pairs are in rising order of the first; each box is in one pair at most, and no pair overlaps by less than
    `iou`.
    """
    from scipy.optimize import linear_sum_assignment

    overlaps = exact_iou(first, second)
    overlaps[overlaps < iou] = 0
    rows, columns = linear_sum_assignment(overlaps, maximize=True)
    return [(row, column) for row, column in zip(rows.tolist(), columns.tolist(), strict=True) if overlaps[row, column]]
