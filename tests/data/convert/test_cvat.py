import textwrap

import numpy as np
import pytest

from posekit.data.convert.cvat import read_cvat
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
