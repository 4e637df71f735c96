"""Settings of a training together with its task and model, as trainer classes take and show them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from posekit.config.check import build, resolve
from posekit.config.commands import CommandSettings
from posekit.config.field import again
from posekit.config.train import TrainSettings

# What the parameter ``cfg`` of a trainer takes: all settings, some by name, or a YAML file of them.
Cfg: TypeAlias = TrainSettings | Mapping[str, Any] | str | Path


@dataclass(frozen=True, kw_only=True)
class TrainerArguments(TrainSettings):
    """Settings of a training, its task, and the model to start from."""

    task: str | None = again(CommandSettings, "task", default=None)
    model: str | None = again(CommandSettings, "model", default=None)


def read_arguments(task: str, cfg: Cfg, overrides: Mapping[str, Any]) -> tuple[TrainerArguments, dict[str, Any]]:
    """Return the arguments of a trainer, and those of them that were given rather than filled in.

    Args:
        task: of the trainer; what `overrides` say of it does not matter.
        cfg: the settings to begin with.
        overrides: settings that count more.

    Raises:
        UnknownSettingError, SettingTypeError, SettingError: a setting is wrong.
    """
    given = {key: value for key, value in overrides.items() if key not in ("task", "mode")}
    defaults: Mapping[str, Any] = {}
    if isinstance(cfg, TrainSettings):
        defaults = vars(cfg)
    elif isinstance(cfg, Mapping):
        given = {**cfg, **given}
    else:
        given = {"cfg": str(cfg), **given}
    given = resolve(TrainerArguments, given)
    return build(TrainerArguments, {**defaults, **given, "task": task}), given


def with_settings(arguments: TrainerArguments, settings: TrainSettings) -> TrainerArguments:
    """Return arguments with other settings for the same task and model."""
    return build(TrainerArguments, {**vars(settings), "task": arguments.task, "model": arguments.model})


def with_recipe(arguments: TrainerArguments, given: Mapping[str, Any], recipe: Mapping[str, Any]) -> TrainerArguments:
    """Return arguments with the values of a recipe where the user has not said anything.

    Args:
        arguments: those of a call.
        given: what the user gave; ``optimizer=auto`` means the one of the recipe.
        recipe: settings by name.
    """
    defaults = TrainSettings()
    said = {key for key in recipe if key in given or getattr(arguments, key) != getattr(defaults, key)}
    if arguments.optimizer == "auto":
        said.discard("optimizer")
    return replace(arguments, **{key: value for key, value in recipe.items() if key not in said})
