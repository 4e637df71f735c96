"""Tells the format of annotations by their content."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from posekit.data.convert.cvat import FILE_NAME as CVAT_FILE
from posekit.data.convert.deeplabcut import LABEL_FILES, PROJECT_FILE
from posekit.errors import DatasetError, DatasetNotFoundError

_HEAD_BYTES = 65536
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_LABEL_FOLDERS = "labeled-data"
_YAML = (".yaml", ".yml")


def recognise_format(source: Path) -> str:
    """Return the name of the format of a file or folder.

    Raises:
        DatasetNotFoundError: there is no such file or folder.
        DatasetError: it has none of the known formats.
    """
    if not source.exists():
        raise DatasetNotFoundError(f"{source}: there is no such file or folder")
    found = _of_folder(source) if source.is_dir() else _of_file(source)
    if found is None:
        raise DatasetError(
            f"{source}: its format cannot be told. Known are COCO JSON, CVAT XML, JSON of Label Studio and of "
            "StanfordExtra, files of DeepLabCut and SLEAP, and data sets with a YAML; name one with form="
        )
    return found


def _of_folder(folder: Path) -> str | None:
    if (folder / CVAT_FILE).is_file():
        return "cvat"
    if any(folder.glob(f"{LABEL_FILES}.*")) or (folder / _LABEL_FOLDERS).is_dir():
        return "deeplabcut"
    if any(path.suffix.lower() in _YAML for path in folder.iterdir()):
        return "yolo"
    return "coco" if any(any(folder.glob(pattern)) for pattern in ("*.json", "*/*.json")) else None


def _of_file(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    if head.startswith(_ZIP):
        raise DatasetError(f"{path}: is a ZIP archive: unpack it, and name the folder or the annotation file in it")
    if head.startswith(_HDF5):
        return "sleap" if path.suffix.lower() == ".slp" else "deeplabcut"
    if path.name == PROJECT_FILE and re.search(rb"^(multianimal)?bodyparts:", head, re.MULTILINE):
        return "deeplabcut"
    if path.suffix.lower() in _YAML:
        return "yolo"
    text = head.decode("utf-8-sig", "replace").lstrip()
    return next((name for name, fits in _TEXTS if fits(text)), None)


def _has_keys(*keys: str) -> Callable[[str], bool]:
    """Return whether a text is the start of a JSON list whose first entries have these keys."""

    def fits(text: str) -> bool:
        return text.startswith("[") and all(re.search(rf'"{key}"\s*:', text) for key in keys)

    return fits


# The first that fits counts.
_TEXTS: Sequence[tuple[str, Callable[[str], bool]]] = (
    ("cvat", lambda text: text.startswith("<") and "<annotations" in text),
    ("deeplabcut", lambda text: text.startswith("scorer,")),
    ("coco", lambda text: text.startswith("{")),
    ("stanfordextra", _has_keys("img_path", "joints")),
    ("labelstudio", _has_keys("annotations")),
    ("labelstudio", _has_keys("completions")),
    ("labelstudio", _has_keys("annotation_id")),
    ("labelstudio", _has_keys("annotator")),
    ("coco", lambda text: text.startswith("[")),  # its reader says what the list is instead
)
