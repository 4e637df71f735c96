"""Damaged and odd pictures and videos: each gives a right result or one clear message, and harms no other."""

import io
import logging
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from posekit.errors import UnreadableImageError
from posekit.files.magic import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from posekit.io.open_source import open_source

Array = NDArray[np.uint8]
HEIC = (Path(__file__).parents[1] / "data" / "io" / "quarters.heic").read_bytes()
LOSSLESS = ("PNG", "BMP", "TIFF", "WEBP", "GIF")
ORIENT: dict[int, Callable[[Array], Array]] = {  # how a picture stored with that EXIF orientation is to be seen
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}  # fmt: skip


@dataclass
class Case:
    """A file, and what reading it must give.

    Attributes:
        shows: the right picture (BGR), or how many frames come; None for an error.
        near: allowed mean difference from the right picture (lossy formats).
        warns: whether a warning comes although there is a result (a video that breaks off).
    """

    name: str
    data: bytes
    shows: Array | range | None = None
    near: float = 0.0
    warns: bool = False


def scene() -> Array:
    """A smooth BGR picture that looks different from every side, of few colours so that a GIF holds it exactly."""
    rows, columns = np.mgrid[0:48, 0:64]
    image = np.stack([columns // 8 * 30, rows // 8 * 40, 250 - (columns // 16 + rows // 16) * 30], -1).astype(np.uint8)
    image[4:12, 6:30] = (20, 220, 60)
    return image


SCENE = scene()
GRAY = np.repeat(SCENE[..., :1], 3, axis=2)


def pil(array: Array) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(array[..., ::-1] if array.ndim == 3 else array))


def save(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    if format == "WEBP":
        options = {"lossless": True, "exact": True} | options
    image.save(buffer, format, **options)
    return buffer.getvalue()


def jpeg(array: Array, *flags: int) -> bytes:
    return cv2.imencode(".jpg", array, [cv2.IMWRITE_JPEG_QUALITY, 97, *flags])[1].tobytes()


def picture_files() -> dict[str, bytes]:
    image = pil(SCENE)
    files = {format.lower(): save(image, format) for format in LOSSLESS}
    return files | {
        "jpg": jpeg(SCENE), "progressive": jpeg(SCENE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "jp2": save(image, "JPEG2000"), "avif": save(image, "AVIF", quality=95),
        "lossy": save(image, "WEBP", lossless=False, quality=95), "lzw": save(image, "TIFF", compression="tiff_lzw"),
        "deflate": save(image, "TIFF", compression="tiff_adobe_deflate"),
    }  # fmt: skip


def truncated() -> Iterator[Case]:
    for kind, data in (picture_files() | {"heic": HEIC}).items():
        for percent in (20, 45, 70, 90):
            yield Case(f"cut_{kind}_{percent}.png", data[: len(data) * percent // 100])


def wrong_suffix() -> Iterator[Case]:
    near = {"jpg": 4, "progressive": 4, "avif": 4, "lossy": 6}
    for number, (kind, data) in enumerate(picture_files().items()):
        for suffix in (sorted(IMAGE_SUFFIXES)[number], ".unknown"):
            yield Case(f"really_{kind}{suffix}", data, SCENE, near.get(kind, 0))
    yield Case("really_jpg.mp4", jpeg(SCENE), SCENE, 4)
    yield Case("really_png.avi", save(pil(SCENE), "PNG"), SCENE)


def zero_bytes() -> Iterator[Case]:
    for suffix in sorted(IMAGE_SUFFIXES | VIDEO_SUFFIXES):
        yield Case(f"empty{suffix}", b"")


def other_content() -> Iterator[Case]:
    noise = np.random.default_rng(7).integers(0, 256, 5000, np.uint8).tobytes()
    contents = {
        "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "html": b"<!DOCTYPE html><html><p>404</p>", "svg": b"<svg></svg>",
        "xml": b"<?xml version='1.0'?><a/>", "text": b"hello", "playlist": b"#EXTM3U\nfile:///etc/hostname\n",
        "zip": b"PK\x03\x04" + bytes(60), "gzip": b"\x1f\x8b\x08" + bytes(60), "elf": b"\x7fELF" + bytes(60),
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "nulls": bytes(4096), "noise": noise,
    }  # fmt: skip
    for kind, data in contents.items():
        yield Case(f"is_{kind}.jpg", data)
        yield Case(f"is_{kind}.mp4", data)


def deep() -> Iterator[Case]:
    low = np.random.default_rng(3).integers(0, 256, SCENE.shape).astype(np.uint16)
    sixteen = SCENE.astype(np.uint16) << 8 | low
    rgba = np.dstack([sixteen, sixteen[..., :1]])
    for suffix in (".png", ".tiff"):
        for kind, array, shows in (("rgb", sixteen, SCENE), ("gray", sixteen[..., 0], GRAY), ("rgba", rgba, SCENE)):
            if (suffix, kind) != (".tiff", "rgba"):
                yield Case(f"deep_{kind}{suffix}", cv2.imencode(suffix, array)[1].tobytes(), shows)
    big_endian = Image.frombytes("I;16B", (64, 48), sixteen[..., 0].astype(">u2").tobytes())
    yield Case("deep_big_endian.tif", save(big_endian, "TIFF"), GRAY)
    yield Case("float.tif", save(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"))
    yield Case("integer.tif", save(Image.new("I", (4, 4), 70_000), "TIFF"))


def colours() -> Iterator[Case]:
    image, palette = pil(SCENE), pil(SCENE).quantize(255)
    cmyk = image.convert("CMYK")
    yield Case("cmyk.jpg", save(cmyk, "JPEG", quality=97), SCENE, 6)
    yield Case("cmyk.tif", save(cmyk, "TIFF"), SCENE, 1)
    for format in ("PNG", "BMP", "TIFF", "GIF"):
        yield Case(f"palette_{format}.png", save(palette, format), SCENE)
    yield Case("palette_transparent.png", save(palette, "PNG", transparency=3), SCENE)
    gray, bits = pil(SCENE[..., 0]), pil(SCENE[..., 0]).point(lambda value: 255 * (value > 100), "1")
    for format in ("PNG", "BMP", "TIFF", "WEBP", "GIF"):
        yield Case(f"gray_{format}.bmp", save(gray, format), GRAY)
    yield Case("gray.jpg", jpeg(SCENE[..., 0]), GRAY, 4)
    for format in ("PNG", "BMP", "TIFF"):
        yield Case(f"bits_{format}.png", save(bits, format), (GRAY > 100).astype(np.uint8) * 255)
    alpha = Image.fromarray(np.dstack([SCENE[..., ::-1], SCENE[..., 0]]))
    for format in ("PNG", "TIFF", "WEBP"):
        yield Case(f"alpha_{format}.png", save(alpha, format), SCENE)
    yield Case("gray_alpha.png", save(Image.merge("LA", (gray, gray)), "PNG"), GRAY)


def animated() -> Iterator[Case]:
    more = [pil(255 - SCENE), pil(GRAY)]
    for format in ("PNG", "WEBP", "GIF", "TIFF"):
        yield Case(f"animated_{format}.png", save(pil(SCENE), format, save_all=True, append_images=more), SCENE)
    yield Case("animated.avif", save(pil(SCENE), "AVIF", save_all=True, append_images=more, quality=95), SCENE, 4)
    yield Case("several.mpo", save(pil(SCENE), "MPO", save_all=True, append_images=more, quality=95), SCENE, 6)


def sizes() -> Iterator[Case]:
    for height, width in ((1, 1), (1, 20_000), (20_000, 1), (3, 5)):
        array = np.full((height, width, 3), (40, 90, 200), np.uint8)
        for format in ("PNG", "BMP", "TIFF", "WEBP"):
            if format != "WEBP" or width + height < 16_000:
                yield Case(f"size_{height}x{width}.{format.lower()}", save(pil(array), format), array)
        yield Case(f"size_{height}x{width}.jpg", jpeg(array), array, 3)


def oriented() -> Iterator[Case]:
    for orientation, turn in ORIENT.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        for format, near in (("JPEG", 6), ("PNG", 0), ("WEBP", 0), ("TIFF", 0), ("AVIF", 4)):
            options = {"quality": 95} if format in ("JPEG", "AVIF") else {}
            data = save(pil(SCENE), format, exif=exif, **options)
            yield Case(f"exif{orientation}.{format.lower()}", data, turn(SCENE), near)


def trailing() -> Iterator[Case]:
    for kind in ("jpg", "png", "bmp", "gif", "tiff", "webp"):
        yield Case(
            f"more_{kind}.png", picture_files()[kind] + b"\xff\xd9 and more" * 50, SCENE, 4 if kind == "jpg" else 0
        )


def bad_headers() -> Iterator[Case]:
    png, photo = save(pil(SCENE), "PNG"), bytearray(jpeg(SCENE))
    body = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    yield Case("bomb.png", png[:12] + body + struct.pack(">I", zlib.crc32(body)) + png[33:])
    frame = photo.index(b"\xff\xc0")
    for name, height, width in (("bomb", 65_000, 65_000), ("flat", 48, 0)):
        photo[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
        yield Case(f"{name}.jpg", bytes(photo))
    yield Case("checksum.png", png[:20] + b"\x01" + png[21:])
    yield Case("flipped.png", png[: len(png) // 2] + bytes([png[len(png) // 2] ^ 4]) + png[len(png) // 2 + 1 :])
    yield Case("no_end_block.png", png[:-12], SCENE)
    yield Case("signature_only.png", png[:8])
    yield Case("no_frame.jpg", b"\xff\xd8\xff\xe0\x00\x02\xff\xd9")
    yield Case("no_directory.tif", b"II*\x00\xff\xff\xff\x00" + bytes(40))


def videos(folder: Path) -> Iterator[Case]:
    formats = {"avi": "MJPG", "mp4": "mp4v", "mkv": "MJPG", "mov": "mp4v", "webm": "VP80"}
    for number, (suffix, codec) in enumerate(formats.items()):
        path = folder / f"made.{suffix}"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10, (64, 48))
        for _ in range(20):
            writer.write(SCENE)
        writer.release()
        data = path.read_bytes()
        path.unlink()
        half = data[: len(data) * 6 // 10]
        other = list(formats)[number - 1]
        yield Case(f"whole.{suffix}", data, range(20, 21))
        yield Case(f"really_{suffix}.{other}", data, range(20, 21))
        yield Case(f"really_{suffix}.jpg", data, range(20, 21))
        yield Case(f"cut.{suffix}", half, None if suffix in ("mp4", "mov") else range(1, 19), warns=True)
        yield Case(f"head_only.{suffix}", data[:40])
    gif = save(pil(SCENE), "GIF", save_all=True, append_images=[pil(SCENE - np.uint8(i)) for i in (1, 2, 3, 4)])
    yield Case("moving.gif", gif, range(5, 6))
    yield Case("still.gif", save(pil(SCENE), "GIF"), range(1, 2))


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> list[Case]:
    made = list(videos(tmp_path_factory.mktemp("made")))
    for kind in (truncated, wrong_suffix, zero_bytes, other_content, deep, colours):
        made += kind()
    for kind in (animated, sizes, oriented, trailing, bad_headers):
        made += kind()
    return made


@pytest.fixture(scope="module")
def files(cases, tmp_path_factory) -> dict[Path, Case]:
    folder = tmp_path_factory.mktemp("files")
    for case in cases:
        (folder / case.name).write_bytes(case.data)
    return {folder / case.name: case for case in cases}


def check(case: Case, images: list[Array]) -> None:
    """Compare what was read with what is right; `images` empty: nothing was read."""
    if case.shows is None:
        assert not images, f"{case.name}: damaged, but read"
    elif isinstance(case.shows, range):
        assert len(images) in case.shows, f"{case.name}: {len(images)} frames"
        assert all(np.abs(image.astype(int) - SCENE).mean() < 25 for image in images[:1]), case.name
    else:
        assert len(images) == 1, f"{case.name}: not read"
        assert images[0].shape == case.shows.shape, case.name
        difference = np.abs(images[0].astype(int) - case.shows).mean()
        assert difference <= case.near, f"{case.name}: differs by {difference:.2f}"


def test_there_are_200_different_cases(cases):
    assert len({case.name.lower() for case in cases}) == len(cases) >= 200


def test_alone_each_file_gives_a_right_result_or_one_clear_error(files, tmp_path, caplog):
    for path, case in files.items():
        caplog.clear()
        images: list[Array] = []
        try:
            with open_source(path, download_dir=tmp_path) as source:
                images += [sample.image for batch in source for sample in batch]
        except UnreadableImageError as error:
            message = str(error)
            assert case.shows is None, message
            assert message.startswith(f"{path}: "), message
            assert "\n" not in message
            assert len(message) - len(str(path)) < 230, message
        check(case, images)
        expected = [path.name] if case.warns and images else []
        assert [name for message in caplog.messages for name in [path.name] if name in message] == expected, case.name


def test_together_no_file_harms_another_and_each_bad_one_has_one_warning(files, tmp_path, caplog):
    caplog.set_level(logging.WARNING, "posekit")
    (tmp_path / "all.txt").write_text("\n".join(map(str, files)))
    read: dict[str, list[Array]] = {str(path): [] for path in files}
    with open_source(tmp_path / "all.txt", batch=8, download_dir=tmp_path) as source:
        for batch in source:
            assert len({sample.origin.kind for sample in batch}) == 1
            for sample in batch:
                read[sample.path].append(sample.image)
    for path, case in files.items():
        check(case, read[str(path)])
    expected = {str(path): int(case.shows is None or case.warns) for path, case in files.items()}
    found = {name: sum(message.startswith(f"{name}: ") for message in caplog.messages) for name in expected}
    assert found == expected
    assert len(caplog.messages) == sum(expected.values())
