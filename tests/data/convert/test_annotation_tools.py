"""What is read of CVAT XML and of exports of Label Studio, and what is said of the rest."""

import json
import textwrap

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.data.convert.cvat import read_cvat
from posekit.data.convert.label_studio import read_label_studio
from posekit.data.convert.objects import extent_of_turned_box
from posekit.errors import DatasetError, DatasetNotFoundError

SVG = (
    '&lt;line x1="1" y1="2" data-type="edge" data-node-from="2" data-node-to="1"&gt;&lt;/line&gt;'
    '&lt;circle r="1" data-type="element node" data-node-id="10" data-label-name="tail"&gt;&lt;/circle&gt;'
    '&lt;circle r="1" data-type="element node" data-node-id="1" data-label-name="nose"&gt;&lt;/circle&gt;'
    '&lt;circle r="1" data-type="element node" data-node-id="2" data-label-name="left_eye"&gt;&lt;/circle&gt;'
)
LABELS = f"""
<label><name>dog</name><type>skeleton</type><svg>{SVG}</svg></label>
<label><name>left_eye</name><type>points</type><parent>dog</parent></label>
<label><name>nose</name><type>points</type><parent>dog</parent></label>
<label><name>tail</name><type>points</type><parent>dog</parent></label>
<label><name>car</name><type>rectangle</type></label>
<label><name>blurred</name><type>tag</type></label>
"""
SKELETON = """
<skeleton label="dog" z_order="0" group_id="{group}">
  <points label="tail" outside="1" occluded="0" points="0.0,0.0"/>
  <points label="left_eye" outside="0" occluded="1" points="30.0,21.0"/>
  <points label="nose" outside="0" occluded="0" points="10.5,20.0"/>
</skeleton>
"""


@pytest.fixture
def cvat(tmp_path):
    """Return a function that writes a file with the given shapes on one picture of 100 x 80, and reads it."""

    def read(shapes, labels=LABELS):
        path = tmp_path / "annotations.xml"
        path.write_text(
            f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
            f"<meta><task><labels>{labels}</labels></task></meta>"
            f'<image id="4" name="walk/1.png" width="100" height="80">{shapes}</image></annotations>'
        )
        return read_cvat(path)

    return read


def only_object(annotations):
    ((thing,),) = [picture.objects for picture in annotations.pictures]
    return thing


def codes(annotations):
    return [problem.code for problem in annotations.problems]


def test_points_of_a_skeleton_are_keypoints_by_name_in_the_order_of_its_drawing(cvat):
    annotations = cvat(SKELETON.format(group=0))
    assert annotations.names == {0: "dog", 1: "car"}
    assert annotations.schema.names == ("nose", "left_eye", "tail")
    assert annotations.schema.skeleton == ((1, 0),)
    thing = only_object(annotations)
    assert thing.keypoints.tolist() == [[10.5, 20, 2], [30, 21, 1], [0, 0, 0]]
    assert (thing.label, thing.box, thing.parts) == (0, None, ())
    assert annotations.pictures[0].size == (80, 100)


def test_labels_without_a_drawing_stand_in_their_own_order(cvat):
    annotations = cvat(SKELETON.format(group=0), LABELS.replace(f"<svg>{SVG}</svg>", ""))
    assert annotations.schema.names == ("left_eye", "nose", "tail")
    assert annotations.schema.skeleton == ()


def test_a_drawing_that_is_no_svg_is_a_problem_and_costs_only_the_limbs(cvat):
    annotations = cvat(SKELETON.format(group=0), LABELS.replace(SVG, "&lt;circle"))
    assert annotations.schema.names == ("left_eye", "nose", "tail")
    assert "bad_drawing" in codes(annotations)


def test_a_box_a_polygon_and_a_mask_in_the_group_of_a_skeleton_are_the_same_object(cvat):
    thing = only_object(
        cvat(
            SKELETON.format(group=3)
            + '<box label="dog" group_id="3" xtl="5" ytl="6" xbr="50" ybr="60"/>'
            + '<polygon label="dog" group_id="3" points="5,6;50,6;50,60"/>'
            + '<mask label="dog" group_id="3" rle="0, 10" left="5" top="6" width="5" height="2"/>'
        )
    )
    assert thing.box == (5, 6, 50, 60)
    assert [part.tolist() for part in thing.parts] == [
        [[5, 6], [50, 6], [50, 60]],
        [[5, 6], [5, 7], [9, 7], [9, 6]],
    ]


def test_a_mask_is_read_row_by_row_beginning_with_background(cvat):
    # 5 x 4: a square of 3 x 3 in the lower right corner, and a hole that outer contours do not see.
    mask = cvat('<mask label="car" rle="7,3,2,1,1,1,2,3" left="10" top="20" width="5" height="4"/>')
    assert only_object(mask).parts[0].tolist() == [[12, 21], [12, 23], [14, 23], [14, 21]]


@pytest.mark.parametrize("rle", ["1,2", "", "1,2,x", "-1,21", "0,20,5"])
def test_run_lengths_that_do_not_fill_their_rectangle_are_a_problem(cvat, rle):
    annotations = cvat(f'<mask label="car" rle="{rle}" left="0" top="0" width="5" height="4"/>')
    assert annotations.pictures[0].objects == ()
    assert codes(annotations) == ["bad_mask"]
    assert annotations.problems[0].objects == 1


def test_a_mask_of_billions_of_pixels_is_refused_before_any_memory_is_taken(cvat):
    annotations = cvat('<mask label="car" rle="0,1" left="0" top="0" width="999999999" height="999999999"/>')
    assert codes(annotations) == ["bad_mask"]


def test_a_turned_box_becomes_the_upright_one_around_it_and_says_so(cvat):
    annotations = cvat('<box label="car" xtl="10" ytl="10" xbr="30" ybr="20" rotation="90.0"/>')
    np.testing.assert_allclose(only_object(annotations).box, (15, 5, 25, 25))
    assert codes(annotations) == ["turned_box"]


def test_single_points_belong_to_the_box_of_their_group(cvat):
    labels = "".join(f"<label><name>{name}</name></label>" for name in ("cat", "ear", "paw"))
    annotations = cvat(
        '<box label="cat" group_id="1" xtl="0" ytl="0" xbr="20" ybr="20"/>'
        '<box label="cat" group_id="2" xtl="0" ytl="0" xbr="60" ybr="60"/>'
        '<points label="paw" group_id="2" occluded="1" points="5,6"/>'
        '<points label="ear" group_id="1" occluded="0" points="7,8"/>',
        labels,
    )
    assert annotations.names == {0: "cat"}
    assert annotations.schema.names == ("ear", "paw")
    first, second = annotations.pictures[0].objects
    assert first.keypoints.tolist() == [[7, 8, 2], [0, 0, 0]]
    assert second.keypoints.tolist() == [[0, 0, 0], [5, 6, 1]]


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ('<ellipse label="car" cx="1" cy="1" rx="1" ry="2"/>', "unsupported_shape"),
        ('<polyline label="car" points="1,2;3,4"/>', "unsupported_shape"),
        ('<box label="car" xtl="a" ytl="0" xbr="2" ybr="2"/>', "bad_number"),
        ('<box label="car" xtl="1e999" ytl="0" xbr="2" ybr="2"/>', "bad_number"),
        ('<box label="car" xtl="5" ytl="0" xbr="2" ybr="2"/>', "empty_box"),
        ('<box xtl="1" ytl="0" xbr="2" ybr="2"/>', "no_label"),
        ('<polygon label="car" points="1,2;3,4"/>', "bad_outline"),
        ('<polygon label="car" points="1,2;3,4;5"/>', "bad_number"),
        ('<polygon label="car" points="1,2;3,nan;5,6"/>', "bad_number"),
        ('<points label="nose" points="1,2;3,4"/>', "unnamed_points"),
    ],
)
def test_a_shape_that_cannot_be_used_is_counted_and_named_and_costs_no_other(cvat, shape, code):
    annotations = cvat(shape + '<box label="car" xtl="1" ytl="2" xbr="3" ybr="4"/>')
    assert only_object(annotations).box == (1, 2, 3, 4)
    assert codes(annotations) == [code]
    assert annotations.problems[0].objects == 1
    assert "image 4 ('walk/1.png')" in str(annotations.problems[0])


def test_tags_are_no_objects(cvat):
    annotations = cvat('<tag label="blurred"/><box label="car" xtl="1" ytl="2" xbr="3" ybr="4"/>')
    assert annotations.names == {0: "dog", 1: "car"}
    assert annotations.problems == ()


def test_a_picture_without_shapes_stays_as_background(cvat):
    annotations = cvat("")
    assert annotations.pictures[0].objects == ()
    assert annotations.problems == ()


def test_a_skeleton_of_which_nothing_is_labelled_is_counted(cvat):
    annotations = cvat(SKELETON.format(group=0).replace('outside="0"', 'outside="1"'))
    assert annotations.pictures[0].objects == ()
    assert (codes(annotations), annotations.problems[0].objects) == (["empty_object"], 1)


def test_pictures_are_found_beside_the_file_and_where_the_user_says(tmp_path):
    pictures = "".join(f'<image id="{name}" name="{name}.png" width="9" height="9"/>' for name in "ab")
    (tmp_path / "export" / "images").mkdir(parents=True)
    (tmp_path / "export" / "annotations.xml").write_text(f"<annotations>{pictures}</annotations>")
    (tmp_path / "export" / "images" / "a.png").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.png").touch()
    annotations = read_cvat(tmp_path / "export", images=tmp_path / "elsewhere")
    assert [picture.path for picture in annotations.pictures] == [
        tmp_path / "export" / "images" / "a.png",
        tmp_path / "elsewhere" / "b.png",
    ]


VIDEO = """
<annotations><version>1.1</version>
<meta><task><size>3</size><labels>{labels}</labels>
<original_size><width>100</width><height>80</height></original_size></task></meta>
<track id="0" label="car" source="manual">
  <box frame="2" outside="0" occluded="0" keyframe="1" xtl="1" ytl="2" xbr="3" ybr="4" z_order="0"/>
  <box frame="1" outside="1" occluded="0" keyframe="1" xtl="1" ytl="2" xbr="3" ybr="4" z_order="0"/>
</track>
<track id="1" label="dog" source="manual">
  <track id="2" label="nose">
    <points frame="0" outside="0" occluded="0" keyframe="1" points="5,6" z_order="0"/>
    <points frame="2" outside="1" occluded="0" keyframe="1" points="5,6" z_order="0"/>
  </track>
  <track id="3" label="left_eye">
    <points frame="0" outside="0" occluded="1" keyframe="1" points="7,8" z_order="0"/>
    <points frame="2" outside="1" occluded="0" keyframe="1" points="7,8" z_order="0"/>
  </track>
</track>
</annotations>
"""


def test_tracks_of_a_video_become_the_objects_of_its_frames(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "frame_000002.PNG").touch()
    (tmp_path / "annotations.xml").write_text(VIDEO.format(labels=LABELS))
    annotations = read_cvat(tmp_path)
    first, second, third = annotations.pictures
    assert [picture.file_name for picture in annotations.pictures] == [
        "frame_000000.png",
        "frame_000001.png",
        "frame_000002.PNG",
    ]
    assert third.path == tmp_path / "images" / "frame_000002.PNG"
    assert first.objects[0].keypoints.tolist() == [[5, 6, 2], [7, 8, 1], [0, 0, 0]]
    assert second.objects == ()
    assert [thing.box for thing in third.objects] == [(1, 2, 3, 4)]
    assert {picture.size for picture in annotations.pictures} == {(80, 100)}


def test_a_track_entry_without_a_frame_is_a_problem(tmp_path):
    (tmp_path / "annotations.xml").write_text(VIDEO.format(labels=LABELS).replace('box frame="1"', "box"))
    annotations = read_cvat(tmp_path)
    assert codes(annotations) == ["bad_number"]
    assert len(annotations.pictures) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<annotations>", "is no valid XML here"),
        ("", "is no valid XML here"),
        ("<root/>", "its root is <root>, that of CVAT XML is <annotations>"),
        ("<annotations/>", "neither pictures"),
        ("<annotations><track id='0'/></annotations>", "does not give its size"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "declares a document type or entities"),
        (
            '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotations>&b;</annotations>',
            "declares a document type or entities",
        ),
        ('<?xml version="1.0" encoding="no-such"?><annotations/>', "cannot be read"),
        ("\0\0\0", "is no valid XML here"),
    ],
)
def test_a_file_that_is_no_cvat_xml_is_one_clear_error(tmp_path, content, said):
    path = tmp_path / "a.xml"
    path.write_text(content)
    with pytest.raises(DatasetError, match=said) as raised:
        read_cvat(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_entity_bomb_is_refused_at_once(tmp_path):
    lines = [f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "x"}">' for i in range(30)]
    (tmp_path / "a.xml").write_text(f"<!DOCTYPE a [{''.join(lines)}]><annotations>&e29;</annotations>")
    with pytest.raises(DatasetError, match="can do harm"):
        read_cvat(tmp_path / "a.xml")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"annotations\.xml: there is no such annotation file"):
        read_cvat(tmp_path)


def test_a_picture_without_a_usable_size_is_left_out_with_its_shapes(tmp_path):
    (tmp_path / "a.xml").write_text(
        textwrap.dedent("""\
        <annotations>
        <image id="0" name="a.png" width="0" height="9"><box label="x" xtl="1" ytl="1" xbr="2" ybr="2"/></image>
        <image id="1" name="" width="9" height="9"/>
        </annotations>
        """)
    )
    annotations = read_cvat(tmp_path / "a.xml")
    assert annotations.pictures == ()
    assert [(problem.objects, problem.picture) for problem in annotations.problems] == [(1, True), (0, True)]


sides = st.floats(1, 100)
degrees = st.floats(-720, 720)


@pytest.mark.parametrize("turns", [0, 360, -720])
def test_whole_turns_change_nothing(turns):
    assert extent_of_turned_box((1, 2, 3, 4), turns, around=(9, 9)) == (1, 2, 3, 4)


def test_clockwise_is_as_seen_in_the_picture():
    # A quarter turn around the upper left corner takes what lies to the right of it below it.
    np.testing.assert_allclose(extent_of_turned_box((10, 10, 30, 20), 90, around=(10, 10)), (0, 10, 10, 30), atol=1e-9)


@given(width=sides, height=sides, angle=degrees)
def test_the_extent_has_the_size_that_trigonometry_says(width, height, angle):
    x1, y1, x2, y2 = extent_of_turned_box((0, 0, width, height), angle, around=(width / 2, height / 2))
    cosine, sine = abs(np.cos(np.radians(angle))), abs(np.sin(np.radians(angle)))
    np.testing.assert_allclose(x2 - x1, width * cosine + height * sine, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(y2 - y1, width * sine + height * cosine, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose([(x1 + x2) / 2, (y1 + y2) / 2], [width / 2, height / 2], rtol=1e-9)


def rectangle(region, x, y, width, height, label="dog", **more):
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": [label]}
    return {"id": region, "type": "rectanglelabels", "value": value} | SIZE | more


def keypoint(region, x, y, label, **more):
    value = {"x": x, "y": y, "width": 0.5, "keypointlabels": [label]}
    return {"id": region, "type": "keypointlabels", "value": value} | SIZE | more


def polygon(region, points, label="dog", **more):
    return {"id": region, "type": "polygonlabels", "value": {"points": points, "polygonlabels": [label]}} | SIZE | more


def relation(first, second):
    return {"type": "relation", "from_id": first, "to_id": second, "direction": "right"}


SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}


@pytest.fixture
def export(tmp_path):
    """Return a function that writes an export of one task, or the given ones, and reads it."""

    def read(*results, tasks=None, images=None):
        path = tmp_path / "export.json"
        default = [{"id": 7, "data": {"image": "a.png"}, "annotations": [{"id": 1, "result": list(results)}]}]
        path.write_text(json.dumps(default if tasks is None else tasks))
        return read_label_studio(path, images=images)

    return read


def test_percent_become_pixels(export):
    annotations = export(rectangle("r", 10, 10, 30, 50))
    assert only_object(annotations).box == (20, 10, 80, 60)
    assert annotations.pictures[0].size == (100, 200)
    assert annotations.pictures[0].image_id == 7
    assert annotations.names == {0: "dog"}
    assert annotations.schema is None


def test_keypoints_belong_to_their_parent_even_where_rectangles_overlap(export):
    annotations = export(
        keypoint("k", 20, 20, "nose", parentID="s"),
        rectangle("r", 0, 0, 50, 50),
        rectangle("s", 10, 10, 50, 50, "cat"),
    )
    dog, cat = sorted(annotations.pictures[0].objects, key=lambda thing: -thing.label)
    assert annotations.names == {0: "cat", 1: "dog"}
    assert dog.keypoints is None
    assert cat.keypoints.tolist() == [[40, 20, 2]]


def test_keypoints_belong_to_the_region_that_they_are_related_to(export):
    annotations = export(
        rectangle("r", 0, 0, 50, 50),
        rectangle("s", 10, 10, 50, 50, "cat"),
        keypoint("k", 90, 90, "nose"),
        relation("k", "r"),
    )
    dog = next(thing for thing in annotations.pictures[0].objects if thing.label == 1)
    assert dog.keypoints.tolist() == [[180, 90, 2]]


def test_other_keypoints_belong_to_the_only_rectangle_they_lie_in(export):
    annotations = export(
        rectangle("r", 0, 0, 50, 50),
        rectangle("s", 40, 40, 50, 50, "cat"),
        keypoint("k", 10, 10, "nose"),
        keypoint("l", 80, 80, "nose"),
    )
    dog, cat = annotations.pictures[0].objects
    assert dog.keypoints.tolist() == [[20, 10, 2]]
    assert cat.keypoints.tolist() == [[160, 80, 2]]


@pytest.mark.parametrize("place", [45, 95])
def test_a_keypoint_in_two_rectangles_or_none_is_a_problem(export, place):
    annotations = export(
        rectangle("r", 0, 0, 50, 50), rectangle("s", 40, 40, 50, 50), keypoint("k", place, place, "nose")
    )
    assert [thing.keypoints for thing in annotations.pictures[0].objects] == [None, None]
    assert codes(annotations) == ["unassigned_point"]
    assert "'nose'" in str(annotations.problems[0])


def test_keypoints_alone_on_a_picture_are_one_object(export):
    annotations = export(keypoint("k", 10, 10, "tail"), keypoint("l", 80, 80, "nose"))
    assert annotations.names == {0: "object"}
    assert annotations.schema.names == ("nose", "tail")
    assert only_object(annotations).keypoints.tolist() == [[160, 80, 2], [20, 10, 2]]


def test_a_polygon_that_is_linked_to_a_rectangle_is_its_outline(export):
    thing = only_object(
        export(
            rectangle("r", 0, 0, 50, 50),
            polygon("p", [[0, 0], [10, 0], [10, 10]], parentID="r"),
            keypoint("k", 1, 1, "nose", parentID="p"),
        )
    )
    assert thing.box == (0, 0, 100, 50)
    assert [part.tolist() for part in thing.parts] == [[[0, 0], [20, 0], [20, 10]]]
    assert thing.keypoints.tolist() == [[2, 1, 2]]


def test_a_second_keypoint_of_the_same_name_is_a_problem(export):
    annotations = export(rectangle("r", 0, 0, 90, 90), keypoint("k", 10, 10, "nose"), keypoint("l", 20, 20, "nose"))
    assert only_object(annotations).keypoints.tolist() == [[20, 10, 2]]
    assert codes(annotations) == ["duplicate_point"]


def test_a_choice_that_says_hidden_makes_its_keypoint_hidden(export):
    annotations = export(
        keypoint("k", 10, 10, "nose"), {"id": "k", "type": "choices", "value": {"choices": ["Occluded"]}}
    )
    assert only_object(annotations).keypoints.tolist() == [[20, 10, 1]]


def test_labels_may_stand_in_a_result_of_their_own(export):
    value = {"x": 10, "y": 10, "width": 30, "height": 50, "rotation": 0}
    annotations = export(
        {"id": "r", "type": "rectangle", "value": value} | SIZE,
        {"id": "r", "type": "labels", "value": value | {"labels": ["cat"]}} | SIZE,
    )
    assert annotations.names == {0: "cat"}
    assert only_object(annotations).box == (20, 10, 80, 60)


def test_a_turned_rectangle_becomes_the_upright_one_around_it_and_says_so(export):
    turned = rectangle("r", 50, 50, 10, 40)
    turned["value"]["rotation"] = 90
    annotations = export(turned)
    # It turns around its upper left corner, in pixels: 20 wide and 40 high before, 40 wide and 20 high behind.
    np.testing.assert_allclose(only_object(annotations).box, (60, 50, 100, 70))
    assert codes(annotations) == ["turned_box"]


@pytest.mark.parametrize(
    ("region", "code"),
    [
        ({"id": "b", "type": "brushlabels", "value": {"rle": [1], "brushlabels": ["dog"]}} | SIZE, "unsupported_shape"),
        ({"id": "b", "type": "ellipselabels", "value": {"ellipselabels": ["dog"]}} | SIZE, "unsupported_shape"),
        ({"id": "b", "type": ["x"], "value": {"labels": ["dog"]}} | SIZE, "unsupported_shape"),
        (rectangle("b", 1, 1, 0, 5), "empty_box"),
        (rectangle("b", 1, float("nan"), 5, 5), "bad_number"),
        (rectangle("b", 1, 1e999, 5, 5), "bad_number"),
        (rectangle("b", 1, "1", 5, 5), "bad_number"),
        (rectangle("b", 1, 1, 5, 5, ""), "no_label"),
        (polygon("b", [[1, 2], [3, 4]]), "bad_outline"),
        (polygon("b", [[1, 2], [3, 4], [5]]), "bad_number"),
        (polygon("b", {"x": 1}), "bad_outline"),
        (SIZE, "no_label"),
        ("text", "bad_result"),
    ],
)  # fmt: skip
def test_a_region_that_cannot_be_used_is_counted_and_named_and_costs_no_other(export, region, code):
    annotations = export(rectangle("r", 10, 10, 30, 50), region)
    assert only_object(annotations).box == (20, 10, 80, 60)
    assert codes(annotations) == [code]
    assert annotations.problems[0].objects == 1
    assert "task 7" in str(annotations.problems[0])


def test_brush_masks_are_refused_with_a_way_out(export):
    annotations = export({"id": "b", "type": "brushlabels", "value": {"brushlabels": ["dog"]}} | SIZE)
    assert "export as COCO from Label Studio" in annotations.problems[0].message


def test_of_several_annotations_ground_truth_counts_else_the_newest(export):
    def annotation(x, **more):
        return {"result": [rectangle("r", x, 0, 10, 10)], **more}

    old, new = annotation(1, updated_at="2023-01-01T00:00:00Z"), annotation(2, updated_at="2024-01-01T00:00:00Z")
    truth, cancelled = annotation(3, ground_truth=True), annotation(4, was_cancelled=True, updated_at="2025")
    for listed, x in (([new, old, cancelled], 4), ([truth, new, old], 6)):
        annotations = export(tasks=[{"data": {"image": "a.png"}, "annotations": listed}])
        assert only_object(annotations).box[0] == x
        assert codes(annotations) == ["several_annotations"]


def test_a_task_that_nobody_labelled_is_left_out_and_an_empty_one_is_background(export):
    picture = {"data": {"image": "a.png"}}
    annotations = export(
        tasks=[
            picture | {"id": 1, "annotations": []},
            picture | {"id": 2, "annotations": [], "predictions": [{"result": [rectangle("r", 1, 1, 5, 5)]}]},
            picture | {"id": 3, "annotations": [{"result": [rectangle("r", 1, 1, 5, 5)], "was_cancelled": True}]},
            picture | {"id": 4, "annotations": [{"result": [dict(SIZE, type="choices", value={})]}]},
        ]
    )
    assert [picture.image_id for picture in annotations.pictures] == [4]
    assert [(problem.code, problem.objects, problem.picture) for problem in annotations.problems] == [
        ("not_labelled", 0, True),
        ("not_labelled", 0, True),
        ("not_labelled", 1, True),
    ]


def test_a_turned_picture_is_left_out(export):
    annotations = export(rectangle("r", 1, 1, 5, 5) | {"image_rotation": 90})
    assert annotations.pictures == ()
    assert (codes(annotations), annotations.problems[0].objects) == (["turned_picture"], 1)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"image": "/data/upload/1/abcd1234-dog%201.png"}, "abcd1234-dog 1.png"),
        ({"image": "/data/local-files/?d=set/dogs/1.png"}, "set/dogs/1.png"),
        ({"image": "s3://bucket/set/1.png"}, "set/1.png"),
        ({"image": "https://example.com/set/1.png?token=2"}, "set/1.png"),
        ({"photo": "set\\1.png", "note": "a dog"}, "set/1.png"),
        ({"image": "a.png", "thumbnail": "b.png"}, "a.png"),
    ],
)
def test_the_name_of_the_picture_is_told_from_its_address(export, data, name):
    annotations = export(tasks=[{"data": data, "annotations": [{"result": [rectangle("r", 1, 1, 5, 5)]}]}])
    assert annotations.pictures[0].file_name == name


@pytest.mark.parametrize("data", [{}, {"text": "a"}, {"a": "a.png", "b": "b.png"}, {"image": 3}, {"image": "\0.png"}])
def test_a_task_without_one_picture_is_left_out(export, data):
    annotations = export(tasks=[{"data": data, "annotations": [{"result": [rectangle("r", 1, 1, 5, 5)]}]}])
    assert (codes(annotations), annotations.problems[0].objects) == (["no_picture_name"], 1)


@pytest.mark.parametrize("name", ["dog 1.png", "abcd1234-dog 1.png"])
def test_an_uploaded_picture_is_found_with_and_without_its_prefix(export, tmp_path, name):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / name).touch()
    tasks = [
        {
            "data": {"image": "/data/upload/1/abcd1234-dog%201.png"},
            "annotations": [{"result": [rectangle("r", 1, 1, 5, 5)]}],
        }
    ]
    annotations = export(tasks=tasks, images=tmp_path / "pictures")
    assert annotations.pictures[0].path == tmp_path / "pictures" / name


def test_the_size_of_a_picture_without_regions_comes_from_its_file(export, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((30, 40, 3), np.uint8))
    tasks = [{"data": {"image": name}, "annotations": [{"result": []}]} for name in ("a.png", "b.png")]
    annotations = export(tasks=tasks)
    assert [picture.size for picture in annotations.pictures] == [(30, 40)]
    assert codes(annotations) == ["no_size"]


def test_json_min_is_refused_with_a_way_out(export):
    tasks = [{"image": "a.png", "id": 1, "kp-1": [], "annotator": 1, "annotation_id": 2}]
    with pytest.raises(DatasetError, match=r"JSON-MIN, .*: export again and choose JSON"):
        export(tasks=tasks)


@pytest.mark.parametrize("tasks", [[], {}, [1], [{"a": 1}], "text"])
def test_json_of_another_form_is_one_clear_error(export, tasks):
    with pytest.raises(DatasetError, match="Label Studio"):
        export(tasks=tasks)


def test_completions_of_old_exports_are_read(export):
    tasks = [{"data": {"image": "a.png"}, "completions": [{"result": [rectangle("r", 10, 10, 30, 50)]}]}]
    assert only_object(export(tasks=tasks)).box == (20, 10, 80, 60)


def test_links_in_a_circle_do_not_hang(export):
    annotations = export(
        rectangle("r", 10, 10, 30, 50, parentID="k"), keypoint("k", 1, 1, "nose", parentID="r"), relation("r", "r")
    )
    assert only_object(annotations).keypoints.tolist() == [[2, 1, 2]]


def test_a_missing_or_broken_file_is_said(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="there is no such annotation file"):
        read_label_studio(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("[{")
    with pytest.raises(DatasetError, match=r"a\.json:1:3: is no valid JSON"):
        read_label_studio(tmp_path / "a.json")
