"""What results write and draw: label text, crops, tables and pictures, in which every argument has its effect."""

import csv
import io
import json
import sys

import cv2
import numpy as np
import pandas
import polars
import pytest
from PIL import Image, ImageShow

from posekit.errors import DisplayError, MissingExtraError, PosekitError, SettingError, ShapeError
from posekit.files.pictures import write_picture
from posekit.results.output import box_labels, scene_of
from posekit.results.results import Results
from posekit.schema.schema import COCO_PERSON, KeypointSchema
from posekit.viz.colors import color_of
from posekit.viz.draw import DrawOptions


def test_save_txt_appends(build, tmp_path):
    path = tmp_path / "deep" / "street.txt"
    build("pose").save_txt(path)
    once = path.read_text()
    assert build("pose").save_txt(str(path)) == str(path)
    assert path.read_text() == 2 * once


def test_crops_are_enlarged_boxes_in_class_folders_and_repeats_are_numbered(build, tmp_path):
    result = build("detect")
    result.save_crop(tmp_path, "street.jpg")
    again = result.save_crop(tmp_path, "street.jpg")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.jpg")) == sorted(
        ["bird/street-2.jpg", "bird/street.jpg"] + [f"cat/street{end}.jpg" for end in ("", "-2", "-3", "-4")]
    )
    assert len(again) == 3
    # box 10.25 12.5 90.75 100.125: 80.5 x 87.625 about (50.5, 56.3), times 1.02 plus 10, cut to whole pixels
    assert cv2.imread(str(tmp_path / "cat" / "street.jpg")).shape == (106 - 6, 96 - 4, 3)
    # box 0 0 30 40, clipped at the upper left corner
    assert cv2.imread(str(tmp_path / "cat" / "street-2.jpg")).shape == (45, 35, 3)


def test_class_names_cannot_lead_out_of_the_crop_folder(tmp_path):
    boxes = np.array([[5, 5, 20, 20, 0.9, 0], [5, 5, 20, 20, 0.9, 1]], np.float32)
    result = Results(np.zeros((32, 32, 3), np.uint8), "a.jpg", {0: "../up", 1: ".."}, boxes=boxes)
    folder = tmp_path / "crops"
    for path in result.save_crop(folder):
        assert folder.resolve() in tmp_path.joinpath(path).resolve().parents
    assert sorted(path.name for path in folder.iterdir()) == ["unnamed", "up"]


def test_save_writes_the_drawing_and_makes_folders(build, tmp_path):
    path = tmp_path / "a" / "b" / "out.png"
    result = build("multitask")
    assert result.save(path, labels=False) == str(path)
    np.testing.assert_array_equal(cv2.imread(str(path)), result.plot(labels=False))
    assert [entry.name for entry in path.parent.iterdir()] == ["out.png"]


@pytest.mark.parametrize(
    ("source", "name"),
    [("dir/street.jpg", "results_street.jpg"), ("http://x.org/bus.jpg?a=1", "results_bus.jpg"), ("0", "results_0.jpg")],
)
def test_save_without_a_name_is_named_after_the_source(build, tmp_path, monkeypatch, source, name):
    monkeypatch.chdir(tmp_path)
    result = build("pose")
    result.path = source
    assert result.save() == name
    assert (tmp_path / name).is_file()
    (tmp_path / name).unlink()
    result.plot(save=True)
    assert (tmp_path / name).is_file()


def test_unknown_picture_formats_are_refused(tmp_path):
    with pytest.raises(SettingError, match=r"'\.xyz'; use \.jpg"):
        write_picture(tmp_path / "a.xyz", np.zeros((4, 4, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_failed_writing_leaves_the_old_picture_and_no_rest(tmp_path):
    target = tmp_path / "taken.png"
    target.mkdir()
    with pytest.raises(OSError, match=r"taken\.png"):
        write_picture(target, np.zeros((4, 4, 3), np.uint8))
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken.png"]


def test_csv_quotes_names_with_commas_and_keeps_other_alphabets():
    boxes = np.array([[1, 2, 3, 4, 0.5, 0]], np.float32)
    result = Results(np.zeros((8, 8, 3), np.uint8), "a.jpg", {0: 'кот, "big"'}, boxes=boxes)
    header, row = csv.reader(io.StringIO(result.to_csv()))
    assert header == ["name", "class", "confidence", "box"]
    assert row == ['кот, "big"', "0", "0.5", "{'x1': 1.0, 'y1': 2.0, 'x2': 3.0, 'y2': 4.0}"]
    assert '"кот, \\"big\\""' in result.to_json()


def test_no_detections_give_empty_tables(build):
    assert build("empty").to_json() == "[]"
    assert build("empty").to_csv() == ""
    assert build("empty").to_df().shape == (0, 0)


def test_tables_take_the_arguments_of_summary(build, recorded):
    expected = recorded["track"]["summary_normalized"]
    assert json.loads(build("track").to_json(normalize=True, decimals=3)) == expected
    assert "0.051" in build("track").to_csv(normalize=True, decimals=3)
    assert build("track").to_df(normalize=True, decimals=3).to_dicts() == expected


def test_data_frame_is_of_polars_where_it_is_installed(build, recorded):
    frame = build("multitask").to_df()
    assert isinstance(frame, polars.DataFrame)
    assert frame.columns == ["name", "class", "confidence", "box", "segments", "keypoints"]
    assert frame.to_dicts() == recorded["multitask"]["summary"]


def test_data_frame_is_of_pandas_without_polars(build, recorded, monkeypatch):
    hide_packages(monkeypatch, "polars")
    frame = build("pose").to_df()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.to_dict("records") == recorded["pose"]["summary"]


def test_data_frame_without_either_package_names_the_extra(build, monkeypatch):
    hide_packages(monkeypatch, "polars", "pandas")
    with pytest.raises(MissingExtraError, match=r"posekit\[polars\]"):
        build("pose").to_df()


def hide_packages(monkeypatch, *names):
    """Make imports of the packages fail as they do where these are not installed."""
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


NAMES = {0: "person", 1: "dog"}
BOXES = np.array([[20, 30, 120, 180, 0.9, 0], [160, 40, 280, 190, 0.5, 1]], np.float32)
TRACKED = np.insert(BOXES, 4, [7, 3], axis=1)


def grey(height=200, width=300):
    return np.full((height, width, 3), 90, np.uint8)


def person(conf=0.9):
    """Return (2, 17, 3): a grid of points in the first box, nothing sure in the second."""
    points = np.zeros((2, 17, 3), np.float32)
    points[0, :, 0] = 30 + 20 * (np.arange(17) % 5)
    points[0, :, 1] = 40 + 35 * (np.arange(17) // 5)
    points[0, :, 2] = conf
    points[1] = [200, 100, 0.24]
    return points


def result(boxes=BOXES, **parts):
    return Results(grey(), "a.jpg", NAMES, boxes=boxes, **parts)


def changed(picture):
    return (picture != 90).any(axis=2)


def test_the_picture_itself_is_never_drawn_on():
    one = result(keypoints=person())
    one.plot()
    assert (one.orig_img == 90).all()


@pytest.mark.parametrize("parts", [{}, {"keypoints": np.zeros((0, 17, 3), np.float32)}])
def test_no_detections_draw_nothing(parts):
    assert not changed(result(BOXES[:0], **parts).plot()).any()
    assert not changed(Results(grey(), "a.jpg", NAMES).plot()).any()


def test_everything_switched_off_draws_nothing():
    masks = np.zeros((2, 200, 300), np.uint8)
    masks[0, 50:90, 50:90] = 1
    assert not changed(result(masks=masks).plot(boxes=False, masks=False)).any()


def test_boxes_are_drawn_in_the_colour_of_their_class():
    picture = result().plot(labels=False, line_width=1)
    assert tuple(picture[100, 20]) == color_of(0)
    assert tuple(picture[100, 160]) == color_of(1)
    inside = changed(picture)
    inside[30:181, [20, 120]] = inside[[30, 180], 20:121] = False
    inside[40:191, [160, 280]] = inside[[40, 190], 160:281] = False
    assert not inside.any()


def test_instances_have_a_colour_each_by_track_or_by_position():
    same = BOXES.copy()
    same[:, 5] = 0
    picture = result(same).plot(labels=False, color_mode="instance")
    assert tuple(picture[100, 20]) == color_of(0)
    assert tuple(picture[100, 160]) == color_of(1)
    picture = result(TRACKED).plot(labels=False, color_mode="instance")
    assert tuple(picture[100, 20]) == color_of(7)
    assert tuple(picture[100, 160]) == color_of(3)


def test_an_unknown_colour_mode_is_an_assertion_error_naming_the_valid_ones():
    with pytest.raises(AssertionError, match="class, instance") as caught:
        result().plot(color_mode="klass")
    assert isinstance(caught.value, PosekitError)


def test_the_first_detection_lies_on_top():
    twice = np.array([[20, 30, 120, 180, 0.9, 0], [20, 30, 120, 180, 0.5, 1]], np.float32)
    assert tuple(result(twice).plot(labels=False)[100, 20]) == color_of(0)


def test_labels_tell_class_confidence_and_track():
    assert box_labels(result(), with_conf=True) == ["person 0.90", "dog 0.50"]
    assert box_labels(result(), with_conf=False) == ["person", "dog"]
    assert box_labels(result(TRACKED), with_conf=True) == ["id:7 person 0.90", "id:3 dog 0.50"]


def test_labels_are_only_drawn_with_boxes():
    scene = scene_of(result(), DrawOptions(boxes=False))
    assert scene.boxes is None
    assert scene.labels == []
    with_labels, without = result().plot(), result().plot(labels=False)
    assert changed(with_labels).sum() > changed(without).sum()


def test_uncertain_points_are_not_drawn():
    empty = result(keypoints=person(conf=0.249)).plot(boxes=False)
    assert not changed(empty).any()
    assert changed(result(keypoints=person(conf=0.25)).plot(boxes=False)).any()


def test_two_value_points_at_the_origin_are_not_drawn():
    points = np.zeros((2, 4, 2), np.float32)
    assert not changed(result(keypoints=points).plot(boxes=False)).any()
    points[0, 2] = [50, 60]
    drawn = changed(result(keypoints=points).plot(boxes=False))
    assert drawn[60, 50]
    assert not drawn[:40].any()


def test_points_that_are_not_finite_are_not_drawn():
    points = person()
    points[0, 3:, :2] = np.nan
    points[0, 2, 0] = np.inf
    drawn = changed(result(keypoints=points).plot(boxes=False, kpt_line=False))
    assert drawn[40, 30]
    assert drawn[40, 50]
    assert not drawn[:, 70:].any()


def test_limbs_are_drawn_where_the_skeleton_is_known():
    points = np.zeros((1, 4, 3), np.float32)
    points[0] = [[40, 50, 1], [100, 50, 1], [40, 150, 1], [100, 150, 1]]
    plain = result(BOXES[:1], keypoints=points)
    assert not changed(plain.plot(boxes=False))[50, 70]
    plain.schema = KeypointSchema(shape=(4, 3), skeleton=((0, 1),))
    drawn = changed(plain.plot(boxes=False))
    assert drawn[50, 70]
    assert not drawn[150, 70]
    assert not changed(plain.plot(boxes=False, kpt_line=False))[50, 70]


def test_limbs_need_both_ends():
    points = np.zeros((1, 2, 3), np.float32)
    points[0] = [[40, 50, 1], [100, 50, 0.2]]
    schema = KeypointSchema(shape=(2, 3), skeleton=((0, 1),))
    drawn = changed(result(BOXES[:1], keypoints=points, schema=schema).plot(boxes=False))
    assert drawn[50, 40]
    assert not drawn[:, 60:].any()


def test_limbs_to_negative_coordinates_are_not_drawn():
    points = np.array([[[40, 50, 1], [100, 50, 1], [-5, 150, 1]]], np.float32)
    schema = KeypointSchema(shape=(3, 3), skeleton=((0, 1), (0, 2)))
    drawn = changed(result(BOXES[:1], keypoints=points, schema=schema).plot(boxes=False))
    assert drawn[50, 70]
    assert not drawn[100].any()


def test_seventeen_points_without_schema_are_a_coco_person():
    keypoints = person()
    known = result(keypoints=keypoints, schema=COCO_PERSON).plot()
    np.testing.assert_array_equal(result(keypoints=keypoints).plot(), known)


def test_a_schema_for_another_number_of_points_is_refused():
    with pytest.raises(ShapeError, match="4 points per object, but their schema names 17"):
        result(keypoints=np.zeros((2, 4, 3), np.float32), schema=COCO_PERSON).plot()


def test_larger_radius_draws_larger_dots():
    small = changed(result(keypoints=person()).plot(boxes=False, kpt_radius=2, kpt_line=False)).sum()
    large = changed(result(keypoints=person()).plot(boxes=False, kpt_radius=8, kpt_line=False)).sum()
    assert large > small > 0


def test_masks_are_blended_half_and_half():
    masks = np.zeros((2, 200, 300), np.uint8)
    masks[0, 50:150, 50:100] = masks[1, 50:150, 80:200] = 1
    picture = result(masks=masks).plot(boxes=False)
    half = [(90 + np.array(color_of(number))) / 2 for number in (0, 1)]
    np.testing.assert_allclose(picture[100, 60], half[0], atol=1)
    np.testing.assert_allclose(picture[100, 90], half[0], atol=1)  # overlap: the first on top
    np.testing.assert_allclose(picture[100, 150], half[1], atol=1)
    assert (picture[20] == 90).all()


def test_letterboxed_masks_land_on_the_picture():
    masks = np.zeros((2, 96, 96), np.uint8)
    masks[0, 16:48, 0:48] = 1  # the upper left quarter of the content, which takes rows 16 to 80
    drawn = changed(result(masks=masks).plot(boxes=False))
    assert drawn[2:98, 2:148].all()
    assert not drawn[104:].any()
    assert not drawn[:, 154:].any()


def test_pil_gives_the_same_picture_in_rgb():
    picture = result().plot(pil=True)
    assert isinstance(picture, Image.Image)
    np.testing.assert_array_equal(np.asarray(picture)[..., ::-1], result().plot())


def test_img_is_drawn_on_instead_and_stays_clean():
    canvas = np.zeros((200, 300, 3), np.uint8)
    picture = result().plot(img=canvas)
    assert tuple(picture[1, 1]) == (0, 0, 0)
    assert tuple(picture[100, 20]) == color_of(0)
    assert not canvas.any()


@pytest.mark.parametrize("shape", [(100, 300, 3), (200, 300), (200, 300, 4)])
def test_img_of_another_shape_is_refused(shape):
    with pytest.raises(ShapeError, match=r"\(200, 300, 3\)"):
        result().plot(img=np.zeros(shape, np.uint8))


def test_boxes_far_outside_or_not_finite_do_no_harm():
    boxes = BOXES.copy()
    boxes[0, :4] = [-1e9, 50, 1e9, np.inf]
    boxes[1, :4] = np.nan
    assert result(boxes).plot().shape == (200, 300, 3)


def test_show_without_a_screen_says_what_to_do_instead(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(DisplayError, match="save"):
        result().show()


class Recorder(ImageShow.Viewer):
    """A viewer program that keeps what it is given."""

    def __init__(self):
        self.shown = []

    def show(self, image, **options):
        self.shown.append(np.asarray(image))
        return 1


def test_show_hands_the_drawing_to_the_viewer(monkeypatch):
    viewer = Recorder()
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(ImageShow, "_viewers", [viewer])
    result().show(labels=False)
    result().plot(show=True)
    assert len(viewer.shown) == 2
    np.testing.assert_array_equal(viewer.shown[0][..., ::-1], result().plot(labels=False))


def test_show_without_a_viewer_program_is_told(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(ImageShow, "_viewers", [])
    with pytest.raises(DisplayError, match="viewer"):
        result().plot(show=True)
