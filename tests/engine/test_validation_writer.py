"""What a validation saves: names of label files, and network inputs as pictures."""

from pathlib import Path

import numpy as np
import torch

from golden.fill import image
from posekit.engine.validation_writer import input_pictures, label_names


def test_sub_folders_are_joined_and_endings_left_away():
    assert label_names(["/d/a/b.c.jpg", "/d/e.png"], Path("/d")) == {"/d/a/b.c.jpg": "a_b.c", "/d/e.png": "e"}


def test_pictures_of_one_stem_get_names_of_their_own():
    pictures = ["/d/a.jpg", "/d/a.png", "/d/b/a.jpg", "/d/b_a.jpg", "/d/a-2.jpg"]
    names = label_names(pictures, Path("/d"))
    assert names["/d/a.png"] == "a-2"
    assert len(set(names.values())) == len(pictures)


def test_a_picture_that_is_named_twice_keeps_its_name():
    assert label_names(["/d/a.jpg", "/d/a.jpg"], Path("/d")) == {"/d/a.jpg": "a"}


def test_bytes_and_fractions_give_the_same_bgr_picture():
    picture = image(48, 64, 0)
    planes = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1].transpose(2, 0, 1)))[None]
    for images in (planes, planes.float() / 255, planes.half() / 255):
        (back,) = input_pictures(images)
        np.testing.assert_array_equal(back, picture)
