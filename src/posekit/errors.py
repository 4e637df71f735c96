"""Exceptions that teach: what is wrong, where, what was expected and what to do.

Every class derives from `PosekitError` and from the built-in type that Python callers already
catch, so ``except FileNotFoundError`` and ``except PosekitError`` both work.
"""


class PosekitError(Exception):
    """Base of all errors that posekit raises for a mistake or a problem a user can mend."""

    def __str__(self) -> str:
        return " ".join(str(part) for part in self.args)


class CheckpointError(PosekitError, ValueError):
    """A weight file is damaged, hostile, or of a kind that posekit does not read."""


class WeightsNotFoundError(PosekitError, FileNotFoundError):
    """A weight file is neither on disk nor to be had from the catalogue."""


class ModelNotFoundError(PosekitError, FileNotFoundError):
    """A model definition (a YAML name or path) is unknown."""


class ModelDefinitionError(PosekitError, ValueError):
    """A model definition names an unknown block or does not fit together."""


class DownloadError(PosekitError, OSError):
    """A download failed, or its checksum is wrong."""


class SourceNotFoundError(PosekitError, FileNotFoundError):
    """A picture, video, folder or list to predict on does not exist or holds nothing usable."""


class SourceTypeError(PosekitError, TypeError):
    """An object handed in as a source is of a type that posekit cannot read."""


class SourceValueError(PosekitError, ValueError):
    """A source has a usable type but an unusable shape or content."""


class UnreadableImageError(PosekitError, OSError):
    """A picture exists but cannot be decoded."""


class SettingError(PosekitError, ValueError):
    """A setting has a value outside its range."""


class SettingTypeError(PosekitError, TypeError):
    """A setting has a value of the wrong type."""


class UnknownSettingError(PosekitError, SyntaxError):
    """A setting, word or key on a call or command line is not known."""


class SchemaError(PosekitError, ValueError):
    """A keypoint schema contradicts itself (lengths, maps, limbs)."""


class MissingExtraError(PosekitError, ImportError):
    """A feature needs an optional dependency.

    Args:
        feature: what the user asked for, as the start of a sentence ("HEIC pictures").
        extra: the name in ``pip install "posekit[extra]"``.
        package: the package that is missing.
    """

    def __init__(self, feature: str, extra: str, package: str) -> None:
        verb = "need" if feature.endswith("s") else "needs"
        super().__init__(f'{feature} {verb} the package {package}: pip install "posekit[{extra}]"')
        self.extra = extra
        self.package = package


class ShapeError(PosekitError, ValueError):
    """An array or tensor has a shape that its role does not allow."""


class UnknownAttributeError(PosekitError, AttributeError):
    """An attribute does not exist on a result or metric; the message lists those that do."""


class UnknownChoiceError(PosekitError, AssertionError):
    """A word is none of those that an argument accepts; callers catch it as `AssertionError`."""


class DisplayError(PosekitError, RuntimeError):
    """There is no screen, or no program, to show a picture with."""


class OutputError(PosekitError, OSError):
    """A result cannot be written to where it belongs."""


class NotInThisReleaseError(PosekitError, NotImplementedError, AttributeError):
    """A known part of posekit that this release lacks; being an `AttributeError`, ``hasattr`` is False for it."""


class DatasetNotFoundError(PosekitError, RuntimeError):
    """A data set, or a file or folder that it names, does not exist; callers catch it as `RuntimeError`."""


class DatasetError(PosekitError, ValueError):
    """A data set contradicts itself, holds nothing usable, or has a form that posekit does not read."""


class DatasetTypeError(PosekitError, TypeError):
    """A key of a dataset YAML has a value of the wrong type."""


class DatasetKeyError(PosekitError, KeyError):
    """A dataset YAML lacks a key that the task needs."""


class ExportError(PosekitError, RuntimeError):
    """A network cannot be written in a format, or what was written gives other results than the network."""


class ExportedModelError(PosekitError, TypeError):
    """An exported file is asked for what only a network in PyTorch can do."""


class BenchmarkError(PosekitError, AssertionError):
    """A format is less accurate than a benchmark demands; callers catch it as `AssertionError`."""


class TrainingError(PosekitError, RuntimeError):
    """A training cannot go on: its numbers have become useless, or its memory does not suffice."""


class ProcessError(PosekitError, RuntimeError):
    """One of several processes that work together was ended, or failed for a reason that posekit does not know."""
