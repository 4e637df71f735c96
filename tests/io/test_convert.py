"""Arrays, PIL images and tensors become BGR pictures, or are refused with advice."""

import logging

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from golden.fill import image
from posekit.errors import SourceNotFoundError, SourceTypeError, SourceValueError, UnreadableImageError
from posekit.io.decode import from_array, from_pil, from_tensor
from posekit.io.source import read_rgb

SIDES = st.integers(1, 9)


@given(st.tuples(SIDES, SIDES).flatmap(lambda hw: hnp.arrays(np.uint16, (*hw, 4))))
def test_every_layout_of_channels_becomes_bgr(deep):
    pixels = (deep >> 8).astype(np.uint8)
    gray = np.repeat(pixels[..., :1], 3, axis=2)
    for array, expected in (
        (pixels[..., 0], gray), (pixels[..., :1], gray), (pixels[..., :2], gray),
        (pixels[..., :3], pixels[..., :3]), (pixels, pixels[..., :3]), (deep, pixels[..., :3]), (deep[..., 0], gray),
    ):  # fmt: skip
        assert np.array_equal(from_array(array), expected)


def test_a_view_with_negative_strides_is_read_as_it_looks(picture):
    view = picture[::-1, ::-2, ::-1]
    result = from_array(view)
    assert result.flags.c_contiguous
    assert np.array_equal(result, view)


def test_a_picture_is_not_copied(picture):
    assert np.shares_memory(from_array(picture), picture)


@pytest.mark.parametrize(
    ("array", "error", "advice"),
    [
        (np.zeros((4, 4, 3), np.float32), SourceTypeError, "multiply by 255"),
        (np.zeros((4, 4, 3), np.int64), SourceTypeError, "astype"),
        (np.zeros((4, 4), bool), SourceTypeError, "astype"),
        (np.array(["a.jpg"], object), SourceTypeError, "object"),
        (np.zeros((3, 40, 50), np.uint8), SourceValueError, r"transpose\(1, 2, 0\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), SourceValueError, r"list\(array\)"),
        (np.zeros((4, 4, 5), np.uint8), SourceValueError, r"\(H, W, 3\)"),
        (np.zeros(4, np.uint8), SourceValueError, r"\(H, W, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), SourceValueError, "no pixels"),
    ],
)
def test_an_array_that_is_no_picture_is_refused_with_advice(array, error, advice):
    with pytest.raises(error, match=advice):
        from_array(array)


def test_pil_colours_are_turned_to_bgr(picture):
    assert np.array_equal(from_pil(Image.fromarray(picture[..., ::-1].copy())), picture)


def test_pil_alpha_is_dropped_and_gray_repeated(picture):
    rgba = Image.fromarray(np.dstack([picture[..., ::-1], np.full((48, 64), 9, np.uint8)]))
    assert np.array_equal(from_pil(rgba), picture)
    assert np.array_equal(from_pil(Image.fromarray(picture[..., 0].copy())), np.repeat(picture[..., :1], 3, 2))


def test_pil_orientation_is_applied_and_the_image_left_alone(picture):
    image = Image.fromarray(picture[..., ::-1].copy())
    image.getexif()[0x0112] = 6
    assert np.array_equal(from_pil(image), cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE))
    assert image.size == (64, 48)


def test_pil_image_of_a_cut_file_is_unreadable(tmp_path, picture):
    path = tmp_path / "cut.png"
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes()[:200])
    with Image.open(path) as image, pytest.raises(UnreadableImageError, match=r"cut\.png"):
        from_pil(image)


def test_pil_pixels_of_32_bits_are_refused():
    with pytest.raises(SourceValueError, match="32-bit integer"):
        from_pil(Image.new("I", (4, 4), 70000))


def test_tensors_keep_their_values_and_get_a_picture():
    tensor = torch.zeros(2, 3, 32, 64)
    tensor[1, 0] = 1.0
    tensor[1, 2] = 0.5
    samples = from_tensor(tensor)
    assert [sample.path for sample in samples] == ["image0.jpg", "image1.jpg"]
    assert samples[1].image.shape == (32, 64, 3)
    assert samples[1].image[0, 0].tolist() == [128, 0, 255]
    assert torch.equal(samples[1].tensor, tensor[1])
    assert (samples[1].origin.kind, samples[1].origin.index, samples[1].origin.count) == ("array", 1, 2)


def test_a_single_picture_tensor_is_taken_with_a_warning(caplog):
    assert len(from_tensor(torch.zeros(3, 32, 32))) == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16])
def test_values_above_one_are_divided_by_255_with_a_warning(caplog, dtype):
    samples = from_tensor(torch.full((1, 3, 32, 32), 255).to(dtype))
    assert samples[0].tensor.dtype == torch.float32
    assert torch.equal(samples[0].tensor, torch.ones(3, 32, 32))
    assert "divided by 255" in caplog.text


def test_values_up_to_one_give_no_warning(caplog):
    from_tensor(torch.ones(1, 3, 32, 32))
    assert not caplog.records


@pytest.mark.parametrize(
    "shape", [(1, 3, 33, 32), (1, 3, 32, 48), (1, 1, 32, 32), (0, 3, 32, 32), (32, 32), (1, 32, 32, 3)]
)
def test_a_tensor_of_another_shape_is_refused(shape):
    with pytest.raises(SourceValueError, match="tensor source of"):
        from_tensor(torch.zeros(shape))


def test_a_tensor_with_nan_is_refused():
    with pytest.raises(SourceValueError, match="NaN"):
        from_tensor(torch.full((1, 3, 32, 32), float("nan")))


BGR = image(20, 30, 0)
RGB = np.ascontiguousarray(BGR[..., ::-1])


def test_every_form_gives_the_same_picture(tmp_path):
    path = tmp_path / "p.png"
    cv2.imwrite(str(path), BGR)
    forms = [path, str(path), Image.fromarray(RGB), RGB, BGR[:, :, ::-1]]
    for form in forms:
        np.testing.assert_array_equal(read_rgb(form), BGR)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_not_rounded(dtype):
    found = read_rgb(RGB.astype(dtype) / 510)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, BGR / 2, atol=1e-4)


def test_tensors_have_channels_first():
    found = read_rgb(torch.from_numpy(RGB).permute(2, 0, 1) / 255)
    np.testing.assert_allclose(found, BGR, atol=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        RGB.astype(np.float32),
        np.full((4, 4, 3), np.nan, np.float32),
        -np.ones((4, 4, 3)),
        RGB[..., :2],
        RGB[..., 0],
        np.zeros((0, 4, 3), np.uint8),
        torch.zeros(4, 4, 3),
        torch.zeros(3, 4, 4, dtype=torch.uint8),
    ],
)
def test_wrong_values_and_shapes_are_refused(wrong):
    with pytest.raises(SourceValueError):
        read_rgb(wrong)


@pytest.mark.parametrize("wrong", [RGB.astype(np.int32), 3, None])
def test_other_objects_are_refused(wrong):
    with pytest.raises(SourceTypeError, match="no picture"):
        read_rgb(wrong)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SourceNotFoundError):
        read_rgb(tmp_path / "p.png")
