"""Find the COCO JSON file that holds the truth of pictures with label files: for COCO's own way of scoring."""

import json
import mmap
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from posekit.config.task_parts import TASKS_WITH_KEYPOINTS
from posekit.log import LOGGER

_SPLIT_WORDS = {
    "train": frozenset({"train", "training"}),
    "val": frozenset({"val", "valid", "validation", "minival"}),
    "test": frozenset({"test", "testing"}),
}
_KINDS = ("keypoints", "instances", "annotations")
_FILE_NAME = re.compile(rb'"file_name"\s*:\s*("(?:[^"\\]|\\.)*")')


def find_truth(pictures: Sequence[str], *, root: Path, places: Sequence[Path], split: str, task: str) -> Path | None:
    """Return the COCO JSON file that lists all pictures of a split, by their base names; None when there is none.

    Looked at are the files with ``keypoints``, ``instances`` or ``annotations`` in their name, and without the name
    of another split, in the root and the folders around the pictures, and in ``annotations`` within these. Likely
    ones come first, and the search ends with the first that fits.

    Args:
        pictures: names of the picture files.
        root: folder of the data set.
        places: the folders or lists that the split consists of.
        split: "train", "val" or "test".
        task: for "pose" and "multitask" the file must hold keypoints.
    """
    wanted = {Path(name).name for name in pictures}
    folders = [place if place.is_dir() else place.parent for place in places]
    candidates = _candidates(root, folders, split)
    for path in sorted(candidates, key=lambda path: _rank(path, folders, split, task)):
        if _covers(path, wanted, keypoints=task in TASKS_WITH_KEYPOINTS):
            return path
    return None


def _candidates(root: Path, folders: Sequence[Path], split: str) -> Iterator[Path]:
    places = [root]
    for folder in folders:
        within = [parent for parent in folder.parents if parent.is_relative_to(root)]
        places += [folder, folder.parent, *within]
    others = frozenset().union(*(words for name, words in _SPLIT_WORDS.items() if name != split))
    for place in dict.fromkeys(places):
        for path in (*place.glob("*.json"), *place.glob("annotations/*.json")):
            is_truth = any(kind in path.stem.lower() for kind in _KINDS)
            if is_truth and not _words(path.stem) & others and path.is_file():
                yield path


def _words(name: str) -> set[str]:
    return set(re.findall("[a-z]+", name.lower()))


def _rank(path: Path, folders: Sequence[Path], split: str, task: str) -> tuple[bool, bool, int, int, str]:
    """Return what likely files come first by: named like a folder, like the split, of the kind that fits, small."""
    stem = path.stem.lower()
    order = _KINDS if task in TASKS_WITH_KEYPOINTS else ("instances", "annotations", "keypoints")
    like_folder = any(folder.name.lower() in stem for folder in folders)
    like_split = bool(_words(stem) & _SPLIT_WORDS.get(split, frozenset({split})))
    kind = min(index for index, word in enumerate(order) if word in stem)
    return not like_folder, not like_split, kind, path.stat().st_size, str(path)


def _covers(path: Path, wanted: Collection[str], *, keypoints: bool) -> bool:
    """Tell whether a file names all these pictures, without the time and memory that parsing the whole would take."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(b'"annotations"') < 0 or (keypoints and content.find(b'"keypoints"') < 0):
                return False
            missing = set(wanted)
            for match in _FILE_NAME.finditer(content):
                missing.discard(str(json.loads(match[1])).rpartition("/")[2])
                if not missing:
                    return True
    except (OSError, ValueError) as error:
        LOGGER.debug("%s: not looked at as COCO truth (%s)", path, error)
    return False
