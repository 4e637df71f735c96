"""Read the content of one label file: fast when all is well, every problem by line and column when not."""

import numpy as np

from posekit.config.task_parts import TASKS_WITH_KEYPOINTS
from posekit.data.label_files.checks import value_faults
from posekit.data.label_files.duplicates import find_duplicates, sorted_without
from posekit.data.label_files.encoding import BOM, encoding_faults
from posekit.data.label_files.fault import Fault
from posekit.data.label_files.fault_problems import located, refusal, repetitions
from posekit.data.label_files.forms import Form, box_task_forms, pose_forms
from posekit.data.label_files.label_file import LabelFile
from posekit.data.label_files.multitask_forms import multitask_forms
from posekit.data.label_files.numbers import Floats, Numbers, read_numbers
from posekit.data.label_files.objects import RawObjects, take_apart
from posekit.data.label_files.row_text import RowText, cut_rows
from posekit.data.label_files.rule import LabelRule
from posekit.data.label_files.visibility import odd_visibility, with_visibility


def parse_labels(data: bytes, rule: LabelRule, file: str) -> LabelFile:
    """Read the content of a label file.

    Args:
        data: its bytes.
        rule: what the rows are expected to hold.
        file: its name, for messages.

    Returns:
        The objects. When anything is wrong with a row there are none, and the first problem says that the picture
        is left out. Repeated rows are removed; the others are then sorted by class, box and keypoints.
    """
    text = cut_rows(data.removeprefix(BOM))
    if not len(text):
        return LabelFile()
    faults = encoding_faults(data, text)
    if faults:
        return LabelFile(rows=len(text), problems=tuple(refusal(faults, text, file)))
    numbers, objects, faults = _read_objects(text, rule)
    if faults or objects is None:
        return LabelFile(rows=len(text), problems=tuple(refusal(sorted(faults), text, file)))
    return _accepted(numbers, objects, rule, text, file)


def _read_objects(text: RowText, rule: LabelRule) -> tuple[Numbers, RawObjects | None, list[Fault]]:
    """Return the objects of the rows that are right so far, and all faults of the others."""
    numbers, faults = read_numbers(text)
    if not len(numbers):
        return numbers, None, faults
    forms, wrong_widths = _forms(numbers, rule)
    if wrong_widths:
        bad = {fault.row for fault in wrong_widths}
        forms = [form for row, form in zip(numbers.rows, forms, strict=True) if row not in bad]
        numbers = numbers.without(bad)
        faults = [*faults, *wrong_widths]
    if not len(numbers):
        return numbers, None, faults
    objects = take_apart(numbers, forms, rule)
    return numbers, objects, [*faults, *value_faults(numbers, objects, rule)]


def _forms(numbers: Numbers, rule: LabelRule) -> tuple[list[Form], list[Fault]]:
    if rule.task == "multitask" or (rule.layout and rule.kpt_shape):
        return multitask_forms(numbers, rule)
    return pose_forms(numbers, rule) if rule.task == "pose" else box_task_forms(numbers, rule)


def _accepted(numbers: Numbers, objects: RawObjects, rule: LabelRule, text: RowText, file: str) -> LabelFile:
    duplicates = find_duplicates(numbers)
    order = sorted_without(objects, duplicates) if duplicates else np.arange(len(objects))
    keypoints = _keypoints(objects, rule)
    odd = odd_visibility(objects) if keypoints is not None else None
    polygons = None
    if objects.polygons is not None and rule.task != "pose":
        polygons = tuple(objects.polygons[index] for index in order)
    return LabelFile(
        rows=len(text),
        classes=objects.classes[order].astype(np.int64),
        boxes=objects.boxes[order],
        keypoints=None if keypoints is None else keypoints[order],
        polygons=polygons,
        problems=(*([located(odd, text, file)] if odd else []), *repetitions(duplicates, text, file)),
    )


def _keypoints(objects: RawObjects, rule: LabelRule) -> Floats | None:
    """Return (N, K, 3) keypoints when the task has them, zeros for objects that state none."""
    if rule.kpt_shape is None or rule.task not in TASKS_WITH_KEYPOINTS:
        return None
    if objects.keypoints is None:
        return np.zeros((len(objects), rule.kpt_shape[0], 3), np.float32)
    keypoints = with_visibility(objects.keypoints)
    without = [
        not form.keypoints or (rule.task == "multitask" and not rule.has_keypoints(int(label)))
        for form, label in zip(objects.forms, objects.classes, strict=True)
    ]
    keypoints[without] = 0  # of two values, 0 0 would be a visible point
    return keypoints
