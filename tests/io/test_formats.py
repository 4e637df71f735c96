import pytest

from posekit.files.magic import IMAGE_SUFFIXES, VIDEO_SUFFIXES, list_formats, media_kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", "image"), ("A.JPEG", "image"), ("x/y.b.WebP", "image"), ("a.heic", "image"), ("a.dng", "image"),
        ("a.gif", "video"), ("a.MP4", "video"), ("a.ts", "video"), ("a.txt", None), ("jpg", None), ("", None),
    ],
)  # fmt: skip
def test_the_suffix_tells_the_kind_in_any_case(name, kind):
    assert media_kind(name) == kind


def test_every_promised_format_is_known_and_listed():
    images = ["avif", "bmp", "dng", "heic", "heif", "jp2", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp"]
    videos = ["asf", "avi", "gif", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ts", "wmv", "webm"]
    assert {f".{name}" for name in images} == IMAGE_SUFFIXES
    assert {f".{name}" for name in videos} == VIDEO_SUFFIXES
    assert all(name in list_formats() for name in images + videos)
