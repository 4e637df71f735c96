"""The commands ``posekit convert`` and ``posekit merge_kpt_seg``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from posekit.cli.console import say_answer
from posekit.cli.words import Command
from posekit.config.check import build
from posekit.config.convert import ConvertSettings, MergeSettings
from posekit.errors import UnknownSettingError
from posekit.log import LOGGER

if TYPE_CHECKING:
    from posekit.data.convert.convert_labels import Converted
    from posekit.data.convert.merge_kpt_seg import Merged
    from posekit.data.problem import Problem


MAX_SHOWN = 10


def run_convert(command: Command) -> None:
    """Convert annotations to a data set; what was left out is a warning.

    Raises:
        UnknownSettingError: no ``source=`` given.
    """
    settings = build(ConvertSettings, command.values)
    source = command.settings.source
    if source is None:
        raise UnknownSettingError("convert needs source=FILE or FOLDER, the annotations to convert")
    from posekit.data.convert.convert_labels import convert_labels

    converted = convert_labels(
        str(source),
        settings.out,
        form=settings.form,
        to=settings.to,
        task=command.settings.task,
        names=settings.names,
        images=settings.images,
        pictures=settings.pictures,  # type: ignore[arg-type]  # one of the choices of the setting
        class_numbers=settings.class_numbers,
    )
    if settings.form is None:
        LOGGER.info("%s is %s (form=%s)", source, converted.form.title, converted.form.name)
    _warn(converted.written.problems)
    say_answer(_summary(converted, settings.to))


def run_merge(command: Command) -> None:
    """Merge keypoint and segment labels to multitask labels; what was left out is a warning."""
    settings = build(MergeSettings, command.values)
    from posekit.data.convert.merge_kpt_seg import merge_kpt_seg

    shape = settings.kpt_shape
    merged = merge_kpt_seg(
        settings.kpt,
        settings.seg,
        settings.out,
        kpt_shape=None if shape is None else (shape[0], shape[1]),
        iou=settings.iou,
        layout=settings.layout,
    )
    _warn(merged.problems)
    say_answer(_merge_summary(merged, told=shape is None))


def _warn(problems: "Sequence[Problem]") -> None:
    for problem in problems[:MAX_SHOWN]:
        LOGGER.warning("%s", problem)
    if len(problems) > MAX_SHOWN:
        LOGGER.warning("and %d more such lines", len(problems) - MAX_SHOWN)


def _summary(converted: "Converted", to: str) -> str:
    written = converted.written
    lost = sum(problem.picture for problem in written.problems)
    left = f"; {_count(written.left_out, 'object')} and {_count(lost, 'picture')} left out"
    lines = [
        f"{_count(written.pictures, 'picture')} with {_count(written.objects, 'object')} written to {written.path} "
        f"({f'task={converted.task}' if to == 'yolo' else 'COCO JSON'}){left if written.left_out or lost else ''}"
    ]
    if converted.outlines_left:
        lines.append(f"task={converted.task} has no outlines: task=segment or task=multitask would keep them")
    if to == "yolo" and len(converted.splits) == 1:
        lines.append(f"there is one split, {converted.splits[0]}: {written.path} says what stands in for the other")
    return "\n".join(lines)


def _merge_summary(merged: "Merged", *, told: bool) -> str:
    lost = sum(problem.objects for problem in merged.problems)
    classes = ", ".join(map(str, merged.keypoint_classes))
    return (
        f"{_count(merged.files, 'label file')} written to {merged.path}: "
        f"{_count(merged.matched, 'object')} with keypoints and outline, "
        f"{_count(merged.outlines_alone, 'outline')} without a pose, "
        f"{_count(merged.poses_alone, 'pose')} without an outline; {_count(lost, 'object')} left out\n"
        f"kpt_shape: {list(merged.kpt_shape)}{', told by the rows' if told else ''}; classes with keypoints: {classes}"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
