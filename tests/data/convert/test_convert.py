"""Any format becomes a data set: told by its content, points chosen by name, each object that is lost counted."""

import copy
import json
import random
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from posekit.config.settings import FORMS
from posekit.data.annotation import AnnotationSet, ObjectAnnotation, PictureAnnotation
from posekit.data.convert.convert import FORMATS, convert_labels, recognise_format
from posekit.data.convert.cvat import read_cvat
from posekit.data.convert.deeplabcut import read_deeplabcut
from posekit.data.convert.keypoint_map import map_keypoints
from posekit.data.convert.label_studio import read_label_studio
from posekit.data.convert.sleap import read_sleap
from posekit.data.convert.stanfordextra import read_stanfordextra
from posekit.errors import (
    DatasetError,
    DatasetNotFoundError,
    OutputError,
    PosekitError,
    SettingError,
    UnknownChoiceError,
)
from posekit.schema.schema import COCO_PERSON, KeypointSchema

FILES = Path(__file__).parent / "files"


@pytest.fixture
def dogs(tmp_path):
    """The path of a set of two dogs with outlines."""
    folder = tmp_path / "dogs"
    (folder / "Images" / "pug").mkdir(parents=True)
    entries = []
    for number in (1, 2):
        cv2.imwrite(str(folder / "Images" / "pug" / f"{number}.png"), np.zeros((30, 40, 3), np.uint8))
        joints = [[4.0 + i, 6.0 + i / 2, float(i % 3 > 0)] for i in range(24)]
        seg = [6, 8] + [22, 8] * 29 + [30 * 10 + 16]
        entries.append(
            {"img_path": f"pug/{number}.png", "img_width": 40, "img_height": 30, "joints": joints, "seg": seg,
             "img_bbox": [0, 6, 30, 8]}
        )  # fmt: skip
    (folder / "dogs.json").write_text(json.dumps(entries))
    return folder / "dogs.json"


def names_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_label_files_appear_with_pictures_and_description(dogs, tmp_path):
    converted = convert_labels(dogs, tmp_path / "out")
    assert names_in(tmp_path / "out") == [
        "data.yaml",
        "images/train/pug/1.png",
        "images/train/pug/2.png",
        "labels/train/pug/1.txt",
        "labels/train/pug/2.txt",
    ]
    row = (tmp_path / "out/labels/train/pug/1.txt").read_text().split()
    assert len(row) == 5 + 24 * 3
    assert row[5:11] == ["0", "0", "0", "0.125", "0.216667", "2"]
    description = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert description["kpt_shape"] == [24, 3]
    assert description["names"] == {0: "dog"}
    assert (converted.form.name, converted.task, converted.outlines_left) == ("stanfordextra", "pose", True)


def test_coco_and_back_gives_the_same_objects(dogs, tmp_path):
    convert_labels(dogs, tmp_path / "coco", to="coco")
    assert names_in(tmp_path / "coco") == ["images/train/pug/1.png", "images/train/pug/2.png", "train.json"]
    again = convert_labels(tmp_path / "coco", tmp_path / "again", task="multitask")
    direct = convert_labels(dogs, tmp_path / "direct", task="multitask")
    assert again.written.problems == direct.written.problems == ()
    for name in ("1.txt", "2.txt"):
        rows = [
            np.array((tmp_path / folder / "labels/train/pug" / name).read_text().split(), float)
            for folder in ("again", "direct")
        ]
        np.testing.assert_allclose(*rows, atol=1e-4)


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "multitask"])
def test_coco_json_of_label_files_has_all_that_they_hold(dogs, tmp_path, task):
    convert_labels(dogs, tmp_path / "yolo", task=task)
    converted = convert_labels(tmp_path / "yolo/data.yaml", tmp_path / "coco", to="coco")
    assert converted.form.name == "yolo"
    found = json.loads((tmp_path / "coco/train.json").read_text())["annotations"][0]
    original = read_stanfordextra(dogs).pictures[0].objects[0]
    if task in ("pose", "multitask"):
        np.testing.assert_allclose(found["keypoints"], original.keypoints.ravel(), atol=0.01)
    if task in ("segment", "multitask"):
        np.testing.assert_allclose(found["segmentation"], [original.parts[0].ravel()], atol=0.01)
    else:
        np.testing.assert_allclose(found["bbox"], (0, 6, 30, 8), atol=0.01)


def test_names_choose_and_order_the_keypoints(dogs, tmp_path):
    converted = convert_labels(dogs, tmp_path / "out", names=["nose", "left_eye", "right_eye", "beak"])
    description = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert description["kpt_names"] == ["nose", "left_eye", "right_eye", "beak"]
    assert description["flip_idx"] == [0, 2, 1, 3]
    assert [problem.code for problem in converted.written.problems] == ["missing_keypoint", "dropped_keypoint"]


def test_embedded_pictures_are_part_of_the_new_set(tmp_path):
    converted = convert_labels(FILES / "labels.pkg.slp", tmp_path / "out")
    assert converted.form.name == "sleap"
    assert [name for name in names_in(tmp_path / "out") if name.startswith("images")] == [
        "images/train/video0_frame000000.png",
        "images/train/video0_frame000002.png",
    ]
    assert cv2.imread(str(tmp_path / "out/images/train/video0_frame000000.png")).shape == (60, 80, 3)
    with pytest.raises(SettingError, match="embedded"):
        convert_labels(FILES / "labels.pkg.slp", tmp_path / "none", pictures="none")
    assert not (tmp_path / "none").exists()


def test_boxes_are_made_where_the_format_has_none(tmp_path):
    labels = tmp_path / "p" / "labeled-data" / "walk"
    labels.mkdir(parents=True)
    shutil.copyfile(FILES / "single_three_index.csv", labels / "CollectedData_ann.csv")
    for number in (1, 2, 3):
        cv2.imwrite(str(labels / f"img0{number}.png"), np.zeros((50, 60, 3), np.uint8))
    converted = convert_labels(tmp_path / "p", tmp_path / "out")
    row = (tmp_path / "out/labels/train/labeled-data/walk/img01.txt").read_text().split()
    # Points at 10, 12 and 20.5, 22: the box is wider by a tenth of its longer side, 1.05 pixels, all around.
    np.testing.assert_allclose(np.array(row[1:5], float) * (60, 50, 60, 50), (15.25, 17, 12.6, 12.1), atol=1e-3)
    assert "box_from_keypoints" in [problem.code for problem in converted.written.problems]


def test_the_task_follows_what_is_there(tmp_path):
    content = (
        '<annotations><image id="0" name="a.png" width="40" height="30">'
        '<box label="car" xtl="1" ytl="1" xbr="9" ybr="9"/>{}</image></annotations>'
    )
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((30, 40, 3), np.uint8))
    for outline, task in (("", "detect"), ('<polygon label="car" points="1,1;9,1;9,9"/>', "segment")):
        (tmp_path / "a.xml").write_text(content.format(outline))
        assert convert_labels(tmp_path / "a.xml", tmp_path / task).task == task
    with pytest.raises(DatasetError, match="no keypoints"):
        convert_labels(tmp_path / "a.xml", tmp_path / "pose", task="pose")


def test_pictures_that_are_missing_are_counted_and_nothing_is_written_without_any(dogs, tmp_path):
    (dogs.parent / "Images/pug/2.png").unlink()
    for to in ("yolo", "coco"):
        converted = convert_labels(dogs, tmp_path / to, to=to)
        assert (converted.written.pictures, converted.written.objects, converted.written.left_out) == (1, 1, 1)
        assert [problem.code for problem in converted.written.problems] == ["picture_not_found"]
    (dogs.parent / "Images/pug/1.png").unlink()
    for to in ("yolo", "coco"):
        with pytest.raises(
            DatasetError, match=r"no picture can be written, the first because: .*1\.png.* no such picture"
        ):
            convert_labels(dogs, tmp_path / f"no_{to}", to=to)
        assert not (tmp_path / f"no_{to}").exists()


@pytest.mark.parametrize("wrong", [{"form": "coc"}, {"to": "voc"}])
def test_choices_that_do_not_exist_are_named(dogs, tmp_path, wrong):
    with pytest.raises(UnknownChoiceError, match=r"='(coc|voc)' is none of (coco, cvat|yolo, coco)"):
        convert_labels(dogs, tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_stays_as_it_was(dogs, tmp_path):
    for to in ("yolo", "coco"):
        with pytest.raises(OutputError, match="already holds something"):
            convert_labels(dogs, dogs.parent, to=to)
    assert names_in(dogs.parent) == ["Images/pug/1.png", "Images/pug/2.png", "dogs.json"]


def test_every_word_of_form_is_a_format():
    assert tuple(FORMATS) == FORMS


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.xml", '<?xml version="1.0"?>\n<annotations>', "cvat"),
        ("a.json", '{"images": [], "annotations": []}', "coco"),
        ("a.json", json.dumps([{"id": 1, "annotations": [{"result": []}], "data": {}}]), "labelstudio"),
        ("a.json", json.dumps([{"id": 1, "completions": [], "data": {}}]), "labelstudio"),
        ("a.json", json.dumps([{"image": "a.png", "annotator": 1}]), "labelstudio"),
        ("a.json", "\ufeff" + json.dumps([{"img_path": "a", "joints": []}], indent=1), "stanfordextra"),
        ("a.json", "[]", "coco"),
        ("a.csv", "scorer,,,ann\n", "deeplabcut"),
        ("config.yaml", "Task: a\nbodyparts:\n- a\n", "deeplabcut"),
        ("config.yaml", "Task: a\nmultianimalbodyparts:\n- a\n", "deeplabcut"),
        ("config.yaml", "train: images\nnames: [a]\n", "yolo"),
        ("data.yml", "train: images\n", "yolo"),
    ],
)
def test_the_format_of_a_file_is_told_by_its_content(tmp_path, name, content, form):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert recognise_format(tmp_path / name) == form


@pytest.mark.parametrize(
    ("name", "form"), [("labels.slp", "sleap"), ("single_fixed.h5", "deeplabcut"), ("single_table.h5", "deeplabcut")]
)
def test_the_format_of_hdf5_is_told_by_its_suffix(name, form):
    assert recognise_format(FILES / name) == form


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("annotations.xml", "cvat"),
        ("CollectedData_a.csv", "deeplabcut"),
        ("labeled-data/walk/CollectedData_a.csv", "deeplabcut"),
        ("data.yaml", "yolo"),
        ("train.json", "coco"),
        ("annotations/train.json", "coco"),
    ],
)
def test_the_format_of_a_folder_is_told_by_what_is_in_it(tmp_path, name, form):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    assert recognise_format(tmp_path) == form


def test_what_cannot_be_told_is_one_clear_error(tmp_path):
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.1 0.1")
    for source in (tmp_path / "a.txt", tmp_path):
        with pytest.raises(DatasetError, match="its format cannot be told"):
            recognise_format(source)
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(DatasetError, match="is a ZIP archive: unpack it"):
        recognise_format(tmp_path / "a.zip")
    with pytest.raises(DatasetNotFoundError):
        recognise_format(tmp_path / "b")


SCHEMA = KeypointSchema(
    shape=(4, 3),
    names=("nose", "left_eye", "right_eye", "tail"),
    skeleton=((0, 1), (0, 2), (0, 3)),
    flip_idx=(0, 2, 1, 3),
    oks_sigmas=(0.1, 0.2, 0.3, 0.4),
)
POINTS = np.array([[10, 11, 2], [20, 21, 1], [30, 31, 2], [0, 0, 0]], float)


def one_object(schema=SCHEMA, points=POINTS):
    thing = ObjectAnnotation(label=0, box=(1, 2, 3, 4), keypoints=points)
    picture = PictureAnnotation(file_name="a.png", path=None, size=(50, 60), objects=(thing,))
    return AnnotationSet(names={0: "dog"}, schema=schema, pictures=(picture,))


def points_of(annotations):
    return annotations.pictures[0].objects[0].keypoints.tolist()


def test_points_follow_their_names():
    mapped = map_keypoints(one_object(), ["right_eye", "nose", "left_eye"], file="a")
    assert points_of(mapped) == [[30, 31, 2], [10, 11, 2], [20, 21, 1]]
    assert mapped.schema.names == ("right_eye", "nose", "left_eye")
    assert mapped.schema.skeleton == ((1, 2), (1, 0))
    assert mapped.schema.flip_idx == (2, 1, 0)
    assert mapped.schema.oks_sigmas == (0.3, 0.1, 0.2)


def test_spelling_makes_no_difference():
    assert points_of(map_keypoints(one_object(), ["Left Eye", "NOSE"], file="a")) == [[20, 21, 1], [10, 11, 2]]


def test_a_point_that_the_set_lacks_is_unlabelled_and_named():
    mapped = map_keypoints(one_object(), ["nose", "left_ear", "right_ear"], file="a.json")
    assert points_of(mapped) == [[10, 11, 2], [0, 0, 0], [0, 0, 0]]
    assert mapped.schema.flip_idx == (0, 2, 1)
    assert mapped.schema.oks_sigmas is None
    missing, dropped = mapped.problems
    assert "left_ear, right_ear" in missing.message
    assert "left_eye (1), right_eye (1), tail (0)" in dropped.message
    assert {problem.file for problem in mapped.problems} == {"a.json"}


def test_two_spellings_of_one_name_in_the_set_are_told_apart_only_by_the_letter():
    schema = KeypointSchema(shape=(2, 3), names=("Paw", "paw"))
    annotations = one_object(schema, POINTS[:2])
    assert points_of(map_keypoints(annotations, ["paw"], file="a")) == [[20, 21, 1]]
    with pytest.raises(SettingError, match="none of them is a keypoint"):
        map_keypoints(annotations, ["PAW"], file="a")


@pytest.mark.parametrize(
    ("names", "said"), [(["nose", "Nose"], "named once"), (["beak"], "none of them is a keypoint of a, which has")]
)
def test_names_that_cannot_be_meant_are_errors(names, said):
    with pytest.raises(SettingError, match=said):
        map_keypoints(one_object(), names, file="a")


def test_a_set_without_keypoints_is_an_error():
    annotations = AnnotationSet(names={0: "dog"}, schema=None, pictures=())
    with pytest.raises(SettingError, match="has no keypoints"):
        map_keypoints(annotations, ["nose"], file="a")


@given(order=st.permutations(range(17)))
def test_any_order_and_back_is_the_same(order):
    points = np.arange(51, dtype=float).reshape(17, 3)
    annotations = one_object(COCO_PERSON, points)
    shuffled = map_keypoints(annotations, [COCO_PERSON.names[i] for i in order], file="a")
    assert shuffled.problems == ()
    back = map_keypoints(shuffled, COCO_PERSON.names, file="a")
    assert points_of(back) == points.tolist()
    assert back.schema == COCO_PERSON


ODD_VALUES = (
    None, True, -1, 0, 10**30, 1e308, float("inf"), float("nan"), "", "nan", "\0", "../..", [], {}, [[]], {"id": []},
    [None, {}], "9" * 5000, -0.5, 1e-320,
)  # fmt: skip

XML = """<?xml version="1.0"?><annotations><version>1.1</version><meta><task><labels>
<label><name>dog</name><type>skeleton</type><svg>&lt;circle data-node-id="1" data-label-name="nose"/&gt;</svg></label>
<label><name>nose</name><parent>dog</parent></label></labels></task></meta>
<image id="0" name="a.png" width="40" height="30">
<skeleton label="dog" group_id="1"><points label="nose" outside="0" occluded="1" points="10.5,20.0"/></skeleton>
<box label="dog" group_id="1" xtl="1.5" ytl="2" xbr="20" ybr="25" rotation="30.0"/>
<mask label="dog" rle="2, 3, 1, 4" left="5" top="6" width="5" height="2"/>
<polygon label="dog" points="1,2;3,4;5,9"/></image></annotations>"""

TASKS = [
    {
        "id": 1,
        "data": {"image": "/data/upload/1/abcd1234-a.png"},
        "annotations": [
            {
                "updated_at": "2024",
                "result": [
                    {"id": "r", "type": "rectanglelabels", "original_width": 40, "original_height": 30,
                     "value": {"x": 1, "y": 2, "width": 50, "height": 60, "rotation": 3, "rectanglelabels": ["dog"]}},
                    {"id": "k", "type": "keypointlabels", "parentID": "r",
                     "value": {"x": 5, "y": 6, "keypointlabels": ["nose"]}},
                    {"id": "p", "type": "polygonlabels",
                     "value": {"points": [[1, 2], [3, 4], [5, 9]], "polygonlabels": ["dog"]}},
                    {"type": "relation", "from_id": "p", "to_id": "r"},
                ],
            }
        ],
    }
]  # fmt: skip

DOGS = [
    {"img_path": "a.png", "img_width": 40, "img_height": 30, "joints": [[i, i, 1.0] for i in range(24)],
     "img_bbox": [5, 6, 20, 10], "seg": [6, 8, 22, 8, 1156], "is_multiple_dogs": False}
]  # fmt: skip


def read_package(path):
    return read_sleap(path, extracted=path.parent / "out")


def mutated_bytes(data, chance):
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(changed))
        if chance.random() < 0.3:
            del changed[place : place + chance.randint(1, 40)]
        else:
            changed[place] = chance.choice(b'<>"=&;,.-09aeEnN\x00\xff\n' + bytes([chance.randrange(256)]))
    return bytes(changed) or b"\0"


def mutated_json(content, chance):
    """Return a copy with some value anywhere replaced, removed or repeated."""
    changed = copy.deepcopy(content)
    for _ in range(chance.randint(1, 3)):
        places = list(containers(changed))
        place = chance.choice(places)
        key = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
        action = chance.random()
        if action < 0.2:
            del place[key]
        elif action < 0.3 and isinstance(place, list):
            place.append(copy.deepcopy(place[key]))
        else:
            place[key] = copy.deepcopy(chance.choice(ODD_VALUES))
        if not changed:
            return [None]
    return changed


def containers(value):
    if isinstance(value, dict | list) and value:
        yield value
        for entry in value.values() if isinstance(value, dict) else value:
            yield from containers(entry)


def check_read(read, path):
    """Read a file; return whether it was read at all."""
    try:
        annotations = read(path)
    except PosekitError:
        return False
    for picture in annotations.pictures:
        for thing in picture.objects:
            assert thing.label in annotations.names
            assert thing.box is None or np.isfinite(thing.box).all()
            assert thing.keypoints is None or np.isfinite(thing.keypoints).all()
            assert all(np.isfinite(part).all() and len(part) >= 3 for part in thing.parts)
    assert all("\n" not in str(problem) for problem in annotations.problems)
    return True


@pytest.mark.parametrize(
    ("read", "name", "content"),
    [
        (read_cvat, "a.xml", XML.encode()),
        (read_label_studio, "a.json", json.dumps(TASKS).encode()),
        (read_stanfordextra, "a.json", json.dumps(DOGS).encode()),
        (read_deeplabcut, "a.csv", (FILES / "several_three_index.csv").read_bytes()),
        (read_deeplabcut, "a.h5", (FILES / "several_fixed.h5").read_bytes()),
        (read_deeplabcut, "a.h5", (FILES / "single_table.h5").read_bytes()),
        (
            lambda path: read_sleap(path, extracted=path.parent / "out"),
            "a.slp",
            (FILES / "labels.pkg.slp").read_bytes(),
        ),
    ],
    ids=["cvat", "labelstudio", "stanfordextra", "csv", "fixed", "table", "sleap"],
)
def test_changed_bytes_never_crash_a_reader(tmp_path, read, name, content):
    for picture in ("img01.png", "img02.png", "img03.png"):
        cv2.imwrite(str(tmp_path / picture), np.zeros((50, 60, 3), np.uint8))
    (tmp_path / name).write_bytes(content)
    assert check_read(read, tmp_path / name)
    for seed in range(150):
        (tmp_path / name).write_bytes(mutated_bytes(content, random.Random(seed)))
        check_read(read, tmp_path / name)


@pytest.mark.parametrize(("read", "content"), [(read_label_studio, TASKS), (read_stanfordextra, DOGS)])
def test_changed_values_never_crash_a_reader(tmp_path, read, content):
    outcomes = set()
    for seed in range(400):
        (tmp_path / "a.json").write_text(json.dumps(mutated_json(content, random.Random(seed))))
        outcomes.add(check_read(read, tmp_path / "a.json"))
    assert outcomes == {True, False}
