"""Which annotated pictures can be used: those that are on disk, readable, and as large as the annotations say."""

from collections.abc import Iterable, Iterator

from posekit.data.annotation import PictureAnnotation
from posekit.data.picture_header import picture_size
from posekit.data.problem_list import ProblemList
from posekit.errors import PosekitError


def usable_pictures(pictures: Iterable[PictureAnnotation], problems: ProblemList) -> Iterator[PictureAnnotation]:
    """Yield the pictures that can be used; of the others `problems` takes one problem each, with their objects."""
    for picture in pictures:
        reason = _why_unusable(picture)
        if reason is None:
            yield picture
        else:
            text, code = reason
            problems.add(picture.file_name, text, code, objects=len(picture.objects), picture=True)


def _why_unusable(picture: PictureAnnotation) -> tuple[str, str] | None:
    """Return what is wrong with the file of a picture, and its code."""
    if picture.path is None:
        return "there is no such picture in the folders that were searched", "picture_not_found"
    try:
        size = picture_size(str(picture.path))
    except PosekitError as error:
        return str(error), "unreadable_picture"
    if size == picture.size:
        return None
    (height, width), (said_height, said_width) = size, picture.size
    text = f"the picture has {width} x {height} pixels, but its annotations were made for {said_width} x {said_height}"
    if size == picture.size[::-1]:
        text += (
            " (width and height are swapped: were they made before the picture's EXIF orientation was applied? "
            "Store the picture upright, as the annotations have it)"
        )
    return text, "size_mismatch"
