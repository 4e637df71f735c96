"""The commands that run no mode. Each prints its answer to stdout."""

import json
from pathlib import Path

from posekit.cli.console import say_answer
from posekit.cli.words import Command
from posekit.config.check import build
from posekit.config.commands import FiguresSettings, NoSettings
from posekit.errors import OutputError, UnknownSettingError

DEFAULT_COPY = "default_copy.yaml"


def show_help(command: Command) -> None:
    """Print the help text, or with a mode its settings."""
    from posekit.cli.usage import mode_usage, usage

    mode = command.settings.mode
    say_answer(usage() if mode is None else mode_usage(mode))


def show_version(command: Command) -> None:
    """Print the version number alone."""
    from posekit.version import __version__

    build(NoSettings, command.values)
    say_answer(__version__)


def show_checks(command: Command) -> None:
    """Print the table of the system."""
    from posekit.cli.system import system_table

    build(NoSettings, command.values)
    say_answer(system_table())


def show_or_change_settings(command: Command) -> None:
    """Print the user's settings as JSON, after changing or resetting them when asked to."""
    from posekit.config.user_settings import (
        as_dict,
        change_user_settings,
        load_user_settings,
        reset_user_settings,
    )

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
    """Write all default settings to default_copy.yaml in the working directory; an existing file is kept.

    Raises:
        OutputError: the file exists, and may hold the user's changes; or it cannot be written.
    """
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
    """Print what is known of a model.

    Raises:
        UnknownSettingError: no ``model=`` given.
    """
    build(NoSettings, command.values)
    if command.settings.model is None:
        raise UnknownSettingError("info needs model=FILE, for example model=yolo11n-pose.pt")
    from posekit.api import model_info_text

    say_answer(model_info_text(command.settings.model))


def write_figures(command: Command) -> None:
    """Write a synthetic data set of drawn people with exact keypoints."""
    settings = build(FiguresSettings, command.values)
    from posekit.data.figures import SceneSettings, write_coco_dataset, write_yolo_dataset

    scenes = SceneSettings()
    if settings.imgsz is not None:
        height, width = settings.imgsz if isinstance(settings.imgsz, tuple) else (settings.imgsz, settings.imgsz)
        scenes = SceneSettings(size=(height, width))
    write = {"yolo": write_yolo_dataset, "coco": write_coco_dataset}[settings.form]
    write(settings.out, train=settings.train, val=settings.val, seed=settings.seed, settings=scenes)
    say_answer(f"{settings.train} training and {settings.val} validation pictures written to {settings.out}")
