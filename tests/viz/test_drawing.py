"""Colours, sizes and labels: sides are told apart, nothing outgrows its object, every label can be read."""

from itertools import combinations, product

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import OutputError, SettingError
from posekit.files.pictures import encode_picture
from posekit.schema.schema import COCO_PERSON, KeypointSchema
from posekit.viz.colors import (
    BLACK,
    CLASS_COLORS,
    READABLE_CONTRAST,
    WHITE,
    color_of,
    contrast,
    pose_colors,
    readable_text_color,
)
from posekit.viz.draw import dot_radii, font_size_for, limb_radius, line_width_for, object_font_sizes, picture_radius
from posekit.viz.labels import DEFAULT_FONT, draw_labels, place_labels, text_plate
from viz.pixels import decode

# Deuteranopia on linear RGB: red and green fall together (Vienot, Brettel and Mollon 1999).
DEUTERANOPIA = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])


def lab(colors_bgr):
    pixels = np.array(colors_bgr, np.float32).reshape(1, -1, 3) / 255
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2LAB)[0]


def as_deuteranope(colors_bgr):
    linear = (np.array(colors_bgr)[:, ::-1] / 255) ** 2.2
    seen = (linear @ DEUTERANOPIA.T).clip(0, 1) ** (1 / 2.2)
    return seen[:, ::-1] * 255


def test_all_class_colours_differ_clearly():
    values = lab(CLASS_COLORS)
    assert len(CLASS_COLORS) == 20
    assert min(np.linalg.norm(a - b) for a, b in combinations(values, 2)) > 15


def test_first_class_colours_differ_for_colour_blind_eyes():
    values = lab(as_deuteranope(CLASS_COLORS[:8]))
    assert min(np.linalg.norm(a - b) for a, b in combinations(values, 2)) > 20


def test_class_colours_start_again_after_the_last():
    assert color_of(20) == color_of(0)
    assert color_of(3) != color_of(4)


def test_left_right_and_middle_of_a_person_have_families_of_their_own():
    colors = pose_colors(COCO_PERSON)
    wrists = colors.points[9], colors.points[10]
    limb = dict(zip(COCO_PERSON.skeleton, colors.limbs, strict=True))
    for seen in (lab, lambda values: lab(as_deuteranope(values))):
        assert np.linalg.norm(np.subtract(*seen(wrists))) > 40
        assert np.linalg.norm(np.subtract(*seen([limb[(13, 11)], limb[(14, 12)]]))) > 40
    blue_left, _, red_left = limb[(7, 9)]
    blue_right, _, red_right = limb[(8, 10)]
    assert red_left > blue_left
    assert blue_right > red_right
    green_trunk = [limb[pair] for pair in ((11, 12), (5, 11), (5, 6), (0, 1))]
    assert all(green == max(color) for color in green_trunk for green in color[1:2])


@pytest.mark.parametrize(
    "names",
    [("left_paw", "right_paw"), ("L_paw", "R_paw"), ("LeftPaw", "RightPaw"), ("paw-l", "paw-r"), ("wingL", "wingR")],
)
def test_sides_are_recognised_in_common_spellings(names):
    colors = pose_colors(KeypointSchema(shape=(2, 3), names=names))
    person = pose_colors(COCO_PERSON)
    assert colors.points[0][2] > colors.points[0][0]
    assert colors.points[1][0] > colors.points[1][2]
    assert len(person.points) == 17


def test_points_without_sides_run_through_the_rainbow():
    schema = KeypointSchema(shape=(21, 3), skeleton=((0, 1), (1, 2)))
    colors = pose_colors(schema)
    assert len(set(colors.points)) == 21
    assert colors.limbs == (colors.points[1], colors.points[2])


def test_names_that_only_begin_like_a_side_have_none():
    colors = pose_colors(KeypointSchema(shape=(2, 3), names=("lip", "rump")))
    rainbow = pose_colors(KeypointSchema(shape=(2, 3)))
    assert colors == rainbow


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(480, 640, 2), (96, 96, 2), (1080, 1920, 5), (2160, 3840, 9)]
)
def test_line_width_follows_the_size_of_the_picture(height, width, expected):
    assert line_width_for(height, width) == expected


@given(st.integers(32, 4000), st.integers(32, 4000))
def test_everything_grows_with_the_picture(height, width):
    assert font_size_for(2 * height, 2 * width) >= font_size_for(height, width)
    assert line_width_for(2 * height, 2 * width) >= line_width_for(height, width)
    assert picture_radius(5, 2 * height, 2 * width) >= picture_radius(5, height, width) > 0


def test_radius_is_literal_in_a_picture_of_nominal_size():
    assert picture_radius(5, 800, 1200) == 5


def test_small_objects_have_small_dots():
    square = np.array([[0, 0], [1, 1]], np.float32)
    assert limb_radius(5, square * 400) == 5
    assert 1 < limb_radius(5, square * 60) < 2.5
    assert limb_radius(5, square[:1]) == 5


def test_crowded_dots_do_not_cover_each_other():
    points = np.array([[0, 0], [6, 0], [100, 0]], np.float32)
    first, second, alone = dot_radii(5, points)
    assert first + second <= 6
    assert alone == 5


def test_points_on_the_same_pixel_do_not_vanish():
    assert min(dot_radii(5, np.zeros((3, 2), np.float32))) == 5


def test_labels_of_small_boxes_are_smaller_but_readable():
    boxes = np.array([[0, 0, 400, 300], [0, 0, 90, 60], [0, 0, 5, 5]], np.float32)
    assert object_font_sizes(20, boxes) == [20, 12, 8]


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


def test_text_can_be_read_on_every_class_colour():
    for background, wanted in product(CLASS_COLORS, [WHITE, BLACK, (0, 0, 255)]):
        assert contrast(readable_text_color(wanted, background), background) >= READABLE_CONTRAST


def test_wanted_text_colour_is_kept_where_it_can_be_read():
    assert readable_text_color((0, 255, 255), (120, 0, 0)) == (0, 255, 255)
    assert readable_text_color(WHITE, (230, 255, 255)) == BLACK
    assert contrast(BLACK, WHITE) == pytest.approx(21)


def test_a_picture_survives_as_jpeg():
    picture = np.full((20, 30, 3), (10, 120, 240), np.uint8)
    assert np.abs(decode(encode_picture(picture)).astype(int) - picture).max() < 6


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3)])
def test_a_picture_without_pixels_is_refused(shape):
    with pytest.raises(OutputError, match="does not fit into a JPEG"):
        encode_picture(np.zeros(shape, np.uint8))
