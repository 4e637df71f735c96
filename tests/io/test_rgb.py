"""Pictures in RGB become BGR."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from golden.fill import image
from posekit.errors import SourceNotFoundError, SourceTypeError, SourceValueError
from posekit.io.source import picture_of

BGR = image(20, 30, 0)
RGB = np.ascontiguousarray(BGR[..., ::-1])


def test_every_form_gives_the_same_picture(tmp_path):
    path = tmp_path / "p.png"
    cv2.imwrite(str(path), BGR)
    forms = [path, str(path), Image.fromarray(RGB), RGB, BGR[:, :, ::-1]]
    for form in forms:
        np.testing.assert_array_equal(picture_of(form), BGR)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_not_rounded(dtype):
    found = picture_of(RGB.astype(dtype) / 510)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, BGR / 2, atol=1e-4)


def test_tensors_have_channels_first():
    found = picture_of(torch.from_numpy(RGB).permute(2, 0, 1) / 255)
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
        picture_of(wrong)


@pytest.mark.parametrize("wrong", [RGB.astype(np.int32), 3, None])
def test_other_objects_are_refused(wrong):
    with pytest.raises(SourceTypeError, match="no picture"):
        picture_of(wrong)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SourceNotFoundError):
        picture_of(tmp_path / "p.png")
