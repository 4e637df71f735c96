"""What tests of figures ask of a picture."""

import cv2
import numpy as np


def read(path):
    """Return a written picture, (H, W, 3) BGR."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert picture is not None, f"{path} is no readable picture"
    return picture


def decode(data):
    """Return an encoded picture, (H, W, 3) BGR."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def count_color(picture, bgr, tolerance=3):
    """Return how many pixels have a colour, each channel within the tolerance."""
    return int((np.abs(picture.astype(int) - np.array(bgr)) <= tolerance).all(axis=-1).sum())


def bgr_of(rgb):
    """Return Matplotlib's red, green, blue from 0 to 1 as BGR bytes."""
    return tuple(round(value * 255) for value in rgb[::-1])
