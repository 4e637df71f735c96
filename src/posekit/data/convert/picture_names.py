"""Names of pictures within a data set in YOLO form: safe, unique, and findable beside their label files."""

import re
from pathlib import PurePosixPath

_UNSAFE = re.compile(r'[\x00-\x1f<>:"|?*]+')


class PictureNames:
    """Gives each picture of one split its path below ``images/<split>``.

    Folders of the original name stay, except those that would lead out of the data set and those called ``images``:
    the label file of a picture is found by replacing the last ``images`` of its path. No two pictures differ only in
    their suffix, as both would have the same label file.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def claim(self, file_name: str) -> PurePosixPath:
        """Return a relative path of which no other picture has the same stem.

        Args:
            file_name: the name in the annotations, "/" between folders.
        """
        parts = [_UNSAFE.sub("_", part) for part in file_name.encode("utf-8", "replace").decode().split("/")]
        parts = [part for part in parts[:-1] if part not in ("", ".", "..", "images")] + parts[-1:]
        wanted = PurePosixPath(*parts)
        path, number = wanted, 1
        # Some file systems do not tell upper from lower case.
        while (key := str(path.with_suffix("")).casefold()) in self._taken:
            number += 1
            path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
        self._taken.add(key)
        return path
