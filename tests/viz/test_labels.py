"""Labels: where they stand, and that they can be read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import SettingError
from posekit.viz.colors import BLACK, CLASS_COLORS, READABLE_CONTRAST, WHITE, contrast, readable_text_color
from posekit.viz.labels import DEFAULT_FONT, draw_labels, place_labels, text_plate

PICTURE = (200, 300)


def place(*boxes, plate=(16, 60), picture=PICTURE):
    corners = np.array(boxes, np.float32)
    return place_labels(corners, [plate] * len(boxes), picture, 2).tolist()


def test_a_label_stands_above_its_box():
    assert place([50, 100, 120, 150]) == [[49, 85, 60, 16]]


def test_a_label_without_room_above_stands_inside_at_the_top():
    assert place([50, 3, 120, 150]) == [[49, 2, 60, 16]]


def test_a_label_at_the_right_border_is_shifted_left():
    assert place([280, 100, 299, 150]) == [[240, 85, 60, 16]]


def test_a_label_avoids_the_ones_placed_before():
    first, second = place([50, 100, 150, 150], [52, 101, 150, 150])
    assert first == [49, 85, 60, 16]
    assert second[1] >= first[1] + first[3] or second[0] >= first[0] + first[2]


boxes = st.tuples(*[st.integers(-20, 320)] * 4).map(
    lambda v: [min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3])]
)


@given(st.lists(boxes, min_size=1, max_size=8))
def test_labels_lie_within_the_picture_whatever_the_boxes(found):
    for x, y, width, height in place(*found):
        assert 0 <= x <= PICTURE[1] - width
        assert 0 <= y <= PICTURE[0] - height


def test_labels_larger_than_the_picture_are_cut_off():
    picture = np.zeros((10, 20, 3), np.uint8)
    draw_labels(
        picture, np.array([[2, 2, 8, 8]], np.float32), ["a very long label"], [(0, 0, 255)],
        font=DEFAULT_FONT, font_sizes=[16], txt_color=WHITE, line_width=2,
    )  # fmt: skip
    assert (picture[..., 2] == 255).any()


@pytest.mark.parametrize("text", ["person 0.87", "Hände", "собака", "σκύλος", "naïve"])
def test_every_letter_leaves_its_own_ink(text):
    missing = text_plate("￿", DEFAULT_FONT, 16)
    for letter in set(text) - {" "}:
        plate = text_plate(letter, DEFAULT_FONT, 16)
        assert plate.max() > 0.9
        assert plate.shape != missing.shape or not np.array_equal(plate, missing)


def test_labels_of_one_size_are_equally_high():
    assert len({text_plate(text, DEFAULT_FONT, 14).shape[0] for text in ("ace", "person", "Ågy")}) == 1


def test_larger_font_size_gives_larger_labels():
    assert text_plate("dog", DEFAULT_FONT, 30).shape > text_plate("dog", DEFAULT_FONT, 15).shape


def test_a_font_that_is_not_there_is_refused():
    with pytest.raises(SettingError, match=r"'nowhere\.ttf' is not found: give the path"):
        text_plate("dog", "nowhere.ttf", 12)


@pytest.mark.parametrize("wanted", [WHITE, BLACK, (0, 0, 255)])
@pytest.mark.parametrize("background", CLASS_COLORS)
def test_text_can_be_read_on_every_class_colour(wanted, background):
    assert contrast(readable_text_color(wanted, background), background) >= READABLE_CONTRAST


def test_wanted_text_colour_is_kept_where_it_can_be_read():
    assert readable_text_color((0, 255, 255), (120, 0, 0)) == (0, 255, 255)
    assert readable_text_color(WHITE, (230, 255, 255)) == BLACK
    assert contrast(BLACK, WHITE) == pytest.approx(21)
