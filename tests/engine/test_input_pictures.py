"""Network inputs as pictures."""

import numpy as np
import torch

from golden.fill import image
from posekit.engine.validation_writer import input_pictures


def test_bytes_and_fractions_give_the_same_bgr_picture():
    picture = image(48, 64, 0)
    planes = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1].transpose(2, 0, 1)))[None]
    for images in (planes, planes.float() / 255, planes.half() / 255):
        (back,) = input_pictures(images)
        np.testing.assert_array_equal(back, picture)
