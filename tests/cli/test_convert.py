import json

import cv2
import numpy as np
import pytest

JOINTS = [[4.0 + i, 6.0 + i / 2, 1.0] for i in range(24)]


@pytest.fixture
def dogs(folder):
    """A StanfordExtra file of two dogs, one without its picture."""
    (folder / "Images").mkdir()
    cv2.imwrite(str(folder / "Images" / "1.png"), np.zeros((30, 40, 3), np.uint8))
    entry = {"img_width": 40, "img_height": 30, "joints": JOINTS, "seg": [6, 8, 22, 8, 1156], "img_bbox": [0, 6, 30, 8]}
    entries = [entry | {"img_path": "1.png"}, entry | {"img_path": "2.png"}]
    (folder / "dogs.json").write_text(json.dumps(entries))
    return "dogs.json"


def test_convert_tells_the_format_and_counts_what_was_read_and_left_out(posekit_command, folder, dogs):
    done = posekit_command("convert", f"source={dogs}", "out=set")
    assert done.returncode == 0
    said, summary, *_ = done.stdout.splitlines()
    assert said == "dogs.json is JSON of StanfordExtra (form=stanfordextra)"
    assert summary == "1 picture with 1 object written to set/data.yaml (task=pose); 1 object and 1 picture left out"
    assert done.stderr.startswith("WARNING train: 2.png: there is no such picture")
    assert len(done.stderr.splitlines()) == 1
    assert (folder / "set/labels/train/1.txt").is_file()
    assert "task=multitask would keep them" in done.stdout


def test_convert_takes_the_words_of_its_settings(posekit_command, folder, dogs):
    words = ["form=stanfordextra", "to=coco", "names=[nose, left eye, right eye]", "pictures=copy"]
    done = posekit_command("convert", f"source={dogs}", "out=set", *words)
    assert done.returncode == 0
    assert "form=" not in done.stdout
    content = json.loads((folder / "set/train.json").read_text())
    assert content["categories"][0]["keypoints"] == ["nose", "left eye", "right eye"]


def test_convert_of_coco_json_reads_every_split_and_comes_back(posekit_command, folder):
    assert posekit_command("figures", "out=people", "train=2", "val=1", "imgsz=[96,128]", "form=coco").returncode == 0
    done = posekit_command("convert", "source=people", "out=set", "task=multitask")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((folder / "set/labels").rglob("*.txt"))) == 3
    back = posekit_command("convert", "source=set/data.yaml", "out=again", "to=coco", "task=multitask")
    assert back.returncode == 0
    for split in ("train", "val"):
        before = json.loads((folder / f"people/annotations/person_keypoints_{split}.json").read_text())
        after = json.loads((folder / f"again/{split}.json").read_text())
        points = [np.array([entry["keypoints"] for entry in content["annotations"]]) for content in (before, after)]
        np.testing.assert_allclose(*points, atol=0.01)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["out=set"], 2, "convert needs source="),
        (["source=dogs.json"], 2, "convert needs out="),
        (["source=no.json", "out=set"], 1, "no.json: there is no such file"),
        (["source=dogs.json", "out=set", "form=voc"], 1, "form='voc' is not known: expected"),
        (["source=dogs.json", "out=set", "form=cvat"], 1, "is no valid XML here"),
        (["source=dogs.json", "out=set", "to=xml"], 1, "to='xml' is not known"),
        (["source=dogs.json", "out=set", "names=beak"], 1, "none of them is a keypoint"),
        (["source=dogs.json", "out=set", "names=[]"], 1, "names="),
        (["source=dogs.json", "out=set", "nmaes=beak"], 2, "did you mean names=none"),
        (["source=dogs.json", "out=Images"], 1, "already holds something"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(posekit_command, folder, dogs, words, status, said):
    done = posekit_command("convert", *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["Images", "dogs.json"]


def test_many_problems_are_shown_in_part(posekit_command, folder):
    shapes = "".join(f'<ellipse label="car" cx="{i}" cy="1" rx="1" ry="1"/>' for i in range(30))
    box = '<box label="car" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    cv2.imwrite(str(folder / "a.png"), np.zeros((30, 40, 3), np.uint8))
    (folder / "a.xml").write_text(
        f'<annotations><image id="0" name="a.png" width="40" height="30">{box}{shapes}</image></annotations>'
    )
    done = posekit_command("convert", "source=a.xml", "out=set")
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 11
    assert done.stderr.endswith("WARNING and 20 more such lines\n")
    assert "30 objects and 0 pictures left out" in done.stdout


def write_label_sets(folder):
    for name, row in (("kpt", "0 0.2 0.2 0.2 0.2 0.15 0.25 2 0.2 0.2 1"), ("seg", "0 0.1 0.1 0.3 0.1 0.3 0.3")):
        (folder / name).mkdir()
        (folder / name / "a.txt").write_text(f"{row}\n")
    (folder / "kpt" / "b.txt").write_text("0 0.2 0.2 0.2 0.2 0.15 0.25 2 0.2 0.2 1\n")


def test_merge_kpt_seg_writes_multitask_labels_and_says_what_it_did(posekit_command, folder):
    write_label_sets(folder)
    done = posekit_command("merge_kpt_seg", "kpt=kpt", "seg=seg", "out=labels")
    assert done.returncode == 0
    assert (folder / "labels/a.txt").read_text() == "0 0.15 0.25 2 0.2 0.2 1 0.1 0.1 0.3 0.1 0.3 0.3\n"
    assert done.stdout.splitlines() == [
        "1 label file written to labels: 1 object with keypoints and outline, 0 outlines without a pose, "
        "1 pose without an outline; 1 object left out",
        "kpt_shape: [2, 3], told by the rows; classes with keypoints: 0",
    ]
    assert done.stderr.startswith("WARNING kpt/b.txt:1: there is no segment file: the pose is left out")


def test_merge_kpt_seg_takes_the_words_of_its_settings(posekit_command, folder):
    write_label_sets(folder)
    done = posekit_command(
        "merge_kpt_seg",
        "kpt=kpt",
        "seg=seg",
        "out=labels",
        "kpt_shape=[2,3]",
        "iou=0.9",
        "layout=box_keypoints_polygon",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len((folder / "labels/b.txt").read_text().split()) == 11


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["kpt=kpt", "seg=seg"], 2, "merge_kpt_seg needs out="),
        (["kpt=kpt", "seg=no", "out=labels"], 1, "no: there is no such folder of label files"),
        (["kpt=kpt", "seg=seg", "out=labels", "iou=2"], 1, "iou=2 is out of range"),
        (["kpt=kpt", "seg=seg", "out=labels", "layout=b"], 1, "layout='b' is not known"),
        (["kpt=kpt", "seg=seg", "out=labels", "kpt_shape=17"], 1, "kpt_shape=17 is of the wrong type"),
        (["kpt=kpt", "seg=seg", "out=seg"], 1, "already holds something"),
    ],
)
def test_a_mistake_in_merging_is_one_line_and_leaves_nothing(posekit_command, folder, words, status, said):
    write_label_sets(folder)
    done = posekit_command("merge_kpt_seg", *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["kpt", "seg"]
