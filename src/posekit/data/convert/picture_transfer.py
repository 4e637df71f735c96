"""Brings pictures into the folder of a converted data set."""

import os
import shutil
from pathlib import Path
from typing import Literal, get_args

from posekit.errors import UnknownChoiceError

PictureTransfer = Literal["link", "copy", "none"]


def check_transfer(how: str) -> None:
    """Check the choice of how pictures are brought along.

    Raises:
        UnknownChoiceError: it is none of "link", "copy" and "none".
    """
    if how not in get_args(PictureTransfer):
        raise UnknownChoiceError(f"pictures={how!r} is none of {', '.join(get_args(PictureTransfer))}")


def bring_picture(source: Path, target: Path, how: PictureTransfer) -> None:
    """Put a picture at `target`; missing folders are made.

    Args:
        source: the picture.
        target: a path where nothing is yet.
        how: "link" makes a hard link, which takes no space, and copies where the file system has no such links;
            "copy" copies; "none" does nothing.

    Raises:
        OSError: the picture cannot be read, or the target not be written.
    """
    if how == "none":
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source = source.resolve()  # of a symbolic link the picture, not the link
    if how == "link":
        try:
            os.link(source, target)
        except OSError:  # another disk, or a file system without hard links
            shutil.copyfile(source, target)
    else:
        shutil.copyfile(source, target)
