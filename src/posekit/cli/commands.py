"""What each command does: the modes, and the special commands, which run none; the table of all of them."""

import ctypes
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import Requirement

from posekit.checkpoint.weights import FIGURES_POSE
from posekit.config.commands import (
    DEFAULT_TASK,
    TASKS,
    CheckSettings,
    CommandSettings,
    FiguresSettings,
    MergeWeightsSettings,
    NoSettings,
    TritonSettings,
)
from posekit.config.kinds import Settings
from posekit.config.read import build, resolve
from posekit.config.settings import (
    BenchmarkSettings,
    ConvertSettings,
    ExportSettings,
    MergeSettings,
    PredictSettings,
    TrainSettings,
    ValSettings,
)
from posekit.config.user import UserSettings, settings_file
from posekit.errors import OutputError, UnknownSettingError
from posekit.log import LOGGER, say_answer
from posekit.version import __version__

if TYPE_CHECKING:
    from posekit.api import YOLO
    from posekit.data.convert.convert import Converted
    from posekit.data.convert.merge_kpt_seg import Merged
    from posekit.files.problems import Problem


MAX_SHOWN: Final = 10  # problems of annotations that were left out
DEFAULT_COPY: Final = "default_copy.yaml"
GIB: Final = 1024**3


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command line, understood.

    Attributes:
        special: a special command, else None.
        settings: what counts for every mode: task, mode, model, source, cfg.
        values: the other keys with their values, not yet checked.
        reset: whether the word ``reset`` was said (``posekit settings reset``).
    """

    special: str | None
    settings: CommandSettings
    values: Mapping[str, Any]
    reset: bool = False


def default_model(task: str | None) -> str:
    """Return the weight file of a task's newest nano network, and say so."""
    chosen = TASKS[task or DEFAULT_TASK]
    LOGGER.warning("no model given: taking %s; name another with model=FILE (model=yolo11n-pose.pt)", chosen.model)
    return chosen.model


def default_predictor(task: str | None) -> str:
    """Return the weight file to predict with, and say so: for poses the network that comes with posekit."""
    if (task or DEFAULT_TASK) != DEFAULT_TASK:
        return default_model(task)
    LOGGER.warning(
        "no model given: taking %s, which comes with posekit and has seen drawn people only; "
        "for photographs name a real one with model=FILE (model=yolo11n-pose.pt)",
        FIGURES_POSE,
    )
    return FIGURES_POSE


def _opened(
    command: Command, mode: type[Settings], default: Callable[[str | None], str] = default_model
) -> "tuple[YOLO, dict[str, Any]]":
    """Return the model and the settings of a mode, which are checked first: a typo costs no waiting."""
    given = resolve(mode, {**command.values, "cfg": command.settings.cfg})
    resume = given.get("resume")
    interrupted_run = resume if isinstance(resume, str) else None
    model_file = command.settings.model or interrupted_run or default(command.settings.task)

    from posekit.api import YOLO

    return YOLO(model_file, task=command.settings.task), given


def run_train(command: Command) -> None:
    """Train, from a definition or from weights; an interruption after a finished epoch says how to go on."""
    model, given = _opened(command, TrainSettings)
    try:
        model.train(**given)
    except KeyboardInterrupt as interrupt:
        last = getattr(model.trainer, "last", None)
        if last is None or not last.is_file():
            raise
        raise KeyboardInterrupt(f"go on with: posekit train resume={last}") from interrupt


def run_val(command: Command) -> None:
    """Validate a model and print its table."""
    model, given = _opened(command, ValSettings)
    model.val(**given)


def run_predict(command: Command) -> None:
    """Predict, and save drawn results unless ``save=False``."""
    model, given = _opened(command, PredictSettings, default_predictor)
    for _ in model.predict(command.settings.source, stream=True, **({"save": True} | given)):
        pass  # results are saved and logged on the way; keeping none holds memory constant


def run_export(command: Command) -> None:
    """Write the model in another format and print where; without anything said, print the table of formats."""
    if command.settings.model is None and not command.values and command.settings.cfg is None:
        from posekit.export.formats import format_table

        say_answer(format_table())
        return
    if command.settings.model is None:
        raise UnknownSettingError("export needs model=FILE, such as model=yolo11n-pose.pt")
    model, given = _opened(command, ExportSettings)
    say_answer(model.export(**given))


def run_benchmark(command: Command) -> None:
    """Measure a model in all formats and print the table, row by row."""
    model, given = _opened(command, BenchmarkSettings)
    model.benchmark(**given)


def run_check(command: Command) -> None:
    """Check a data set, print what was noticed, and write the report."""
    settings = build(CheckSettings, command.values)

    from posekit.config.user import load_user_settings
    from posekit.engine.data_check import check_dataset, console_lines, write_report
    from posekit.files.writing import make_run_folder

    task = command.settings.task or DEFAULT_TASK
    check = check_dataset(settings.data, task=task)
    if settings.out is not None:
        target = Path(settings.out)
    else:
        target = make_run_folder(Path(load_user_settings().runs_dir) / task, "check") / "report.html"
    write_report(check, target)
    for line in console_lines(check):
        say_answer(line)
    say_answer(f"Report: {target}")


def run_convert(command: Command) -> None:
    """Convert annotations to a data set; what was left out is a warning."""
    settings = build(ConvertSettings, command.values)
    source = command.settings.source
    if source is None:
        raise UnknownSettingError("convert needs source=FILE or FOLDER, the annotations to convert")
    from posekit.data.convert.convert import convert_labels

    converted = convert_labels(str(source), task=command.settings.task, **vars(settings))
    if settings.form is None:
        LOGGER.info("%s is %s (form=%s)", source, converted.form.title, converted.form.name)
    _warn(converted.written.problems)
    say_answer(_summary(converted, settings.to))


def run_merge(command: Command) -> None:
    """Merge keypoint and segment labels to multitask labels; what was left out is a warning."""
    settings = build(MergeSettings, command.values)
    from posekit.data.convert.merge_kpt_seg import merge_kpt_seg

    merged = merge_kpt_seg(**vars(settings))
    _warn(merged.problems)
    say_answer(_merge_summary(merged, told=settings.kpt_shape is None))


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


def run_merge_weights(command: Command) -> None:
    """Put a pose and a segment network together to a multitask network that training can begin with."""
    settings = build(MergeWeightsSettings, command.values)
    from posekit.checkpoint.checkpoint import save_checkpoint
    from posekit.models.opening import open_model
    from posekit.models.yolo.family import merge_weights

    merged = merge_weights(
        open_model(settings.kpt).network_for("merge_weights"),
        open_model(settings.seg).network_for("merge_weights"),
        body=settings.body,
    )
    save_checkpoint(settings.out, merged.contents(settings.out))
    say_answer(f"{settings.out} written; it is a start for training, not a finished network")


def run_triton(command: Command) -> None:
    """Write an exported file as a model of the Triton server."""
    settings = build(TritonSettings, command.values)
    if command.settings.model is None:
        raise UnknownSettingError("triton needs model=FILE, an exported file such as model=yolo11n-pose.onnx")
    from posekit.export.triton import write_triton_model

    folder = write_triton_model(command.settings.model, settings.out, settings.batch)
    say_answer(
        f"{folder} written; Triton serves it with: tritonserver --model-repository={Path(settings.out).resolve()}"
    )


def show_help(command: Command) -> None:
    """Print the help text, or with a mode its settings."""
    from posekit.cli.words import mode_usage, usage

    mode = command.settings.mode
    say_answer(usage() if mode is None else mode_usage(mode))


def show_version(command: Command) -> None:
    """Print the version number alone."""
    build(NoSettings, command.values)
    say_answer(__version__)


def show_checks(command: Command) -> None:
    """Print the table of the system."""
    build(NoSettings, command.values)
    say_answer(system_table())


def system_table() -> str:
    """Return operating system, Python, memory, processors, CUDA and package versions, one per line."""
    lines = [
        ("posekit", __version__),
        ("OS", platform.platform()),
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        ("RAM", _memory()),
        ("CPU", f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"),
        ("CUDA", _cuda()),
        ("settings", str(settings_file())),
    ]
    try:
        lines += package_lines("posekit")
    except metadata.PackageNotFoundError:
        lines.append(("packages", "not known: posekit runs from a source folder and is not installed"))
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines)


def package_lines(distribution: str) -> list[tuple[str, str]]:
    """Return what an installed distribution requires, and how that is met; of optional packages those that are here."""
    described = metadata.distribution(distribution)
    lines = []
    for line in described.requires or []:
        requirement = Requirement(line)
        extras = ["", *(described.metadata.get_all("Provides-Extra") or [])]
        marker = requirement.marker
        wanting = [extra for extra in extras if marker is None or marker.evaluate({"extra": extra})]
        text = package_text(requirement, wanting[0]) if wanting else None
        if text is not None:
            lines.append((requirement.name, text))
    return lines


def package_text(requirement: Requirement, extra: str) -> str | None:
    """Return how a requirement is met, in words; None for a package of an extra that is not installed."""
    wanted = str(requirement.specifier) or "any version"
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return None if extra else f"missing: {wanted} required"
    verdict = "ok" if requirement.specifier.contains(installed, prereleases=True) else "NOT MET"
    return f"{installed} ({wanted} required{f', extra {extra}' if extra else ''}): {verdict}"


def _memory() -> str:
    total = _windows_memory() if sys.platform == "win32" else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{total / GIB:.1f} GiB"


def _windows_memory() -> int:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("rest", ctypes.c_ulonglong * 6),
        )

    status = Status(length=ctypes.sizeof(Status))
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined, unused-ignore]
    return int(status.total)


def _cuda() -> str:
    try:
        import torch
    except ImportError as error:
        return f"not known: torch cannot be imported ({error})"
    if not torch.cuda.is_available():
        return "none"
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return f"{torch.version.cuda}: {', '.join(names)}"


def show_or_change_settings(command: Command) -> None:
    """Print the user's settings as JSON, after changing or resetting them when asked to."""
    from posekit.config.user import as_dict, change_user_settings, load_user_settings, reset_user_settings

    settings = reset_user_settings() if command.reset else load_user_settings()
    if command.values:
        settings = change_user_settings(command.values)
    say_answer(json.dumps(as_dict(settings), indent=2))


def show_defaults(command: Command) -> None:
    """Print all default settings in the form of a cfg file."""
    from posekit.config.describe import default_file

    build(NoSettings, command.values)
    say_answer(default_file().rstrip("\n"))


def write_defaults(command: Command) -> None:
    """Write all default settings to default_copy.yaml in the working directory; an existing file is kept."""
    from posekit.config.describe import default_file

    build(NoSettings, command.values)
    target = Path(DEFAULT_COPY)
    try:
        with target.open("x", encoding="utf-8") as stream:
            stream.write(default_file())
    except FileExistsError as error:
        raise OutputError(f"{target.resolve()} exists and may hold your changes: move it or delete it") from error
    except OSError as error:
        target.unlink(missing_ok=True)
        raise OutputError(f"{target.resolve()} cannot be written ({error.strerror})") from error
    say_answer(f"{target.resolve()} written; use it with: posekit cfg={DEFAULT_COPY}")


def show_model(command: Command) -> None:
    """Print what is known of a model."""
    build(NoSettings, command.values)
    if command.settings.model is None:
        raise UnknownSettingError("info needs model=FILE, for example model=yolo11n-pose.pt")
    from posekit.api import model_info_text

    say_answer(model_info_text(command.settings.model))


def write_figures(command: Command) -> None:
    """Write a synthetic data set of drawn people with exact keypoints."""
    settings = build(FiguresSettings, command.values)
    from posekit.data.figures.backdrop import SceneSettings
    from posekit.data.figures.dataset import write_coco_dataset, write_yolo_dataset

    scenes = SceneSettings()
    if settings.imgsz is not None:
        height, width = settings.imgsz if isinstance(settings.imgsz, tuple) else (settings.imgsz, settings.imgsz)
        scenes = SceneSettings(size=(height, width))
    write = {"yolo": write_yolo_dataset, "coco": write_coco_dataset}[settings.form]
    write(settings.out, train=settings.train, val=settings.val, seed=settings.seed, settings=scenes)
    say_answer(f"{settings.train} training and {settings.val} validation pictures written to {settings.out}")


MODE_HANDLERS: Final = {
    "train": run_train,
    "predict": run_predict,
    "val": run_val,
    "export": run_export,
    "benchmark": run_benchmark,
}


@dataclass(frozen=True)
class Special:
    """A command that runs no mode: what it does, the words of the help text for it, and what it takes besides."""

    run: Callable[[Command], None]
    meaning: str
    settings: type[Settings] = NoSettings


SPECIALS: Final = {
    "help": Special(show_help, "this text; help MODE lists the settings of a mode"),
    "version": Special(show_version, "the version number"),
    "checks": Special(show_checks, "the system: Python, memory, CUDA, package versions"),
    "settings": Special(
        show_or_change_settings,
        "your folders and loggers; KEY=VALUE changes one, reset restores all",
        UserSettings,
    ),
    "cfg": Special(show_defaults, "all default settings"),
    "copy-cfg": Special(write_defaults, "write the default settings to default_copy.yaml, fit for cfg="),
    "info": Special(show_model, "describe a model: model=FILE"),
    "figures": Special(
        write_figures,
        "make a synthetic data set: out=FOLDER [train= val= imgsz= seed= form=yolo or coco]",
        FiguresSettings,
    ),
    "check": Special(
        run_check, "check a data set and write a report: data=FILE [task= out=REPORT.html]", CheckSettings
    ),
    "convert": Special(
        run_convert,
        "convert annotations: source=PATH out=FOLDER [form= to= task= names= images= pictures=]",
        ConvertSettings,
    ),
    "merge_kpt_seg": Special(
        run_merge,
        "merge keypoint and segment labels: kpt=FOLDER seg=FOLDER out=FOLDER [kpt_shape= iou= layout=]",
        MergeSettings,
    ),
    "merge_weights": Special(
        run_merge_weights,
        "put a pose and a segment network together: kpt=FILE seg=FILE out=FILE [body=pose or segment]",
        MergeWeightsSettings,
    ),
    "triton": Special(
        run_triton,
        "write an exported file as a model of the Triton server: model=FILE out=FOLDER [batch=]",
        TritonSettings,
    ),
}
