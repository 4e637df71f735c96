"""Where the root and the splits of a data set lie."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

UP = "../"


@dataclass(frozen=True)
class RootSearch:
    """The root of a data set, and where it was looked for.

    Attributes:
        root: absolute; it need not exist.
        looked: every place where the root could have been; one place when it was given as an absolute path.
    """

    root: Path
    looked: tuple[Path, ...]


def find_root(path: str | None, entries: Iterable[str], *, beside: Path | None, datasets_dir: Path) -> RootSearch:
    """Find the folder that the paths of a dataset YAML count from.

    A relative root is looked for from the YAML's folder, then the working directory, then the folder of data sets:
    the first place with one of the splits is taken, else the first that is a folder, else the last of them.

    Args:
        path: the key ``path``; None stands for the YAML's folder.
        entries: what the splits name.
        beside: the YAML's folder; None for a YAML that lies in the package.
        datasets_dir: the user's folder of data sets.
    """
    if path is None and beside is not None:
        return RootSearch(tidy(beside), (tidy(beside),))
    root = expanded(path or ".")
    starts = [beside, Path(), datasets_dir] if beside is not None else [Path(), datasets_dir]
    looked = tuple(dict.fromkeys(tidy(start / root) for start in starts))
    with_split = (place for place in looked if any(exists(split_path(place, entry)) for entry in entries))
    folders = (place for place in looked if exists(place))
    return RootSearch(next(with_split, None) or next(folders, None) or looked[-1], looked)


def split_path(root: Path, entry: str) -> Path:
    """Return the absolute path of a split, whether it exists or not.

    One that is not there is retried without a leading ``../``, and as in `in_other_order`.

    Args:
        root: what relative entries count from.
        entry: as the YAML names it.
    """
    path = in_other_order(tidy(root / expanded(entry)))
    if entry.startswith(UP) and not exists(path):
        retried = in_other_order(tidy(root / entry.removeprefix(UP)))
        return retried if exists(retried) else path
    return path


def in_other_order(path: Path) -> Path:
    """Return ``train/images`` for ``images/train`` when only that exists: sets are passed on in either form."""
    if path.parent.name != "images" or exists(path):
        return path
    other = path.parent.with_name(path.name) / "images"
    return other if exists(other) else path


def expanded(text: str) -> Path:
    """Return a path with ``~`` written out, and as it is where there is no such user."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises there


def tidy(path: Path) -> Path:
    """Return a path as absolute and without ``..``, symbolic links left as they are."""
    path = path.absolute()
    plain = Path(os.path.normpath(path))
    # Behind a symbolic link ".." leads elsewhere than the text says.
    return path if exists(path) and not (exists(plain) and plain.samefile(path)) else plain


def exists(path: Path) -> bool:
    """Tell whether there is something at a path; no for names that the file system cannot have."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for names that are too long
