"""Special commands: what they print and write, and one line for a mistake."""

import json
import re
from dataclasses import MISSING
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement

from posekit import YOLO
from posekit.cli.commands import MODE_HANDLERS, SPECIALS, package_lines, package_text
from posekit.config.commands import MODES, TASKS, FiguresSettings
from posekit.config.kinds import defaults_of
from posekit.config.parse import write_value
from posekit.version import __version__

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_every_mode_of_this_release_has_a_handler():
    assert set(MODE_HANDLERS) == {mode.name for mode in MODES.values() if mode.available}


def test_the_page_of_the_command_line_names_every_command_with_its_defaults():
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in SPECIALS if f"`{name}" not in text] == []
    defaults = {key: value for key, value in defaults_of(FiguresSettings).items() if value is not MISSING}
    assert [key for key, value in defaults.items() if f"[{key}={write_value(value)}]" not in text] == []
    assert [task.model for task in TASKS.values() if f"`{task.model}`" not in text] == []


@pytest.mark.parametrize("word", ["version", "v", "-v", "--version"])
def test_version_prints_the_number_alone(command, word):
    done = command(word)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("words", [[], ["help"], ["-h"], ["--help"], ["h"]])
def test_help_shows_usage_tasks_and_commands(command, words):
    done = command(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "posekit [TASK] MODE [key=value ...]" in done.stdout
    assert all(word in done.stdout for word in ("multitask", "predict", "copy-cfg", "figures"))


def test_help_of_a_mode_lists_its_settings(command):
    done = command("predict", "--help")
    assert done.returncode == 0
    assert "conf=0.25" in done.stdout
    assert "detections with a lower score are dropped" in done.stdout


def test_checks_shows_the_system(command):
    done = command("checks")
    assert (done.returncode, done.stderr) == (0, "")
    lines = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert {"posekit", "OS", "Python", "RAM", "CPU", "CUDA"} <= lines.keys()
    assert lines["RAM"].endswith("GiB")


def test_cfg_prints_all_defaults_as_yaml(command):
    done = command("cfg")
    assert done.returncode == 0
    assert yaml.safe_load(done.stdout)["iou"] == 0.7


def test_copy_cfg_writes_a_file_once(command, folder):
    first = command("copy-cfg")
    assert first.returncode == 0
    file = folder / "default_copy.yaml"
    file.write_text("conf: 0.5\n")
    second = command("copy-cfg")
    assert second.returncode == 1
    assert second.stderr.startswith("ERROR")
    assert file.read_text() == "conf: 0.5\n"


def test_copy_cfg_leaves_no_half_file_on_a_full_disk(process, folder):
    script = (
        "import resource, signal, sys; from posekit.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))\n"
        "sys.exit(main(['copy-cfg']))"
    )
    done = process(script=script)
    assert done.returncode == 1
    assert done.stderr == f"ERROR {folder / 'default_copy.yaml'} cannot be written (File too large)\n"
    assert list(folder.iterdir()) == []


def test_settings_are_json_and_can_be_changed_and_reset(command):
    before = json.loads(command("settings").stdout)
    assert before["runs_dir"] == "runs"
    changed = command("settings", "runs_dir=123", "wandb=true")
    assert json.loads(changed.stdout) == before | {"runs_dir": "123", "wandb": True}
    assert json.loads(command("settings").stdout)["runs_dir"] == "123"
    assert json.loads(command("settings", "reset").stdout) == before
    assert json.loads(command("settings").stdout) == before


def test_an_unknown_user_setting_is_a_warning(command):
    done = command("settings", "runs_dri=x")
    assert done.returncode == 0
    assert done.stderr == "WARNING settings: 'runs_dri' is not a known setting: did you mean runs_dir=runs?\n"


def test_a_damaged_settings_file_is_one_line_and_reset_mends_it(command, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.json").write_text("{")
    done = command("settings")
    assert done.returncode == 1
    assert "posekit settings reset" in done.stderr
    assert command("settings", "reset").returncode == 0
    assert command("settings").returncode == 0


def test_info_needs_a_model(command):
    done = command("info")
    assert done.returncode == 2
    assert "model=FILE" in done.stderr


def test_figures_needs_a_folder(command):
    done = command("figures")
    assert done.returncode == 2
    assert "out=" in done.stderr


@pytest.mark.parametrize(("form", "labels"), [("yolo", "labels/train/000002.txt"), ("coco", "annotations")])
def test_figures_writes_a_data_set(command, folder, form, labels):
    done = command("figures", "out=people", "train=2", "val=1", "imgsz=[48,64]", f"form={form}")
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "people" / labels).exists()
    assert len(list((folder / "people").rglob("*.jpg"))) == 3


def test_figures_checks_its_settings(command):
    done = command("figures", "out=people", "form=voc")
    assert done.returncode == 1
    assert "yolo, coco" in done.stderr


@pytest.mark.parametrize(
    ("requirement", "extra", "said"),
    [
        ("pytest>=1", "", r"\S+ \(>=1 required\): ok"),
        ("torch<2.14,>=2.13", "", r"2\.13\S* \(<2\.14,>=2\.13 required\): ok"),
        ("pytest<1", "dev", r"\S+ \(<1 required, extra dev\): NOT MET"),
        ("pytest", "", r"\S+ \(any version required\): ok"),
        ("no-such-package-anywhere>=1", "", "missing: >=1 required"),
    ],
)
def test_checks_says_how_a_requirement_is_met(requirement, extra, said):
    assert re.fullmatch(said, package_text(Requirement(requirement), extra))


def test_checks_names_packages_of_extras_only_where_they_are_installed():
    assert package_text(Requirement("no-such-package-anywhere>=1"), "dev") is None
    names = [name for name, _ in package_lines("pytest")]
    assert "pluggy" in names
    assert "attrs" not in names or "attrs" in {name for name, text in package_lines("pytest") if "extra" in text}


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


def test_convert_tells_the_format_and_counts_what_was_read_and_left_out(command, folder, dogs):
    done = command("convert", f"source={dogs}", "out=set")
    assert done.returncode == 0
    said, summary, *_ = done.stdout.splitlines()
    assert said == "dogs.json is JSON of StanfordExtra (form=stanfordextra)"
    assert summary == "1 picture with 1 object written to set/data.yaml (task=pose); 1 object and 1 picture left out"
    assert done.stderr.startswith("WARNING train: 2.png: there is no such picture")
    assert len(done.stderr.splitlines()) == 1
    assert (folder / "set/labels/train/1.txt").is_file()
    assert "task=multitask would keep them" in done.stdout


def test_convert_takes_the_words_of_its_settings(command, folder, dogs):
    words = ["form=stanfordextra", "to=coco", "names=[nose, left eye, right eye]", "pictures=copy"]
    done = command("convert", f"source={dogs}", "out=set", *words)
    assert done.returncode == 0
    assert "form=" not in done.stdout
    content = json.loads((folder / "set/train.json").read_text())
    assert content["categories"][0]["keypoints"] == ["nose", "left eye", "right eye"]


def test_convert_of_coco_json_reads_every_split_and_comes_back(command, folder):
    assert command("figures", "out=people", "train=2", "val=1", "imgsz=[96,128]", "form=coco").returncode == 0
    done = command("convert", "source=people", "out=set", "task=multitask")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((folder / "set/labels").rglob("*.txt"))) == 3
    back = command("convert", "source=set/data.yaml", "out=again", "to=coco", "task=multitask")
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
def test_a_mistake_is_one_line_and_leaves_nothing(command, folder, dogs, words, status, said):
    done = command("convert", *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["Images", "dogs.json"]


def test_many_problems_are_shown_in_part(command, folder):
    shapes = "".join(f'<ellipse label="car" cx="{i}" cy="1" rx="1" ry="1"/>' for i in range(30))
    box = '<box label="car" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    cv2.imwrite(str(folder / "a.png"), np.zeros((30, 40, 3), np.uint8))
    (folder / "a.xml").write_text(
        f'<annotations><image id="0" name="a.png" width="40" height="30">{box}{shapes}</image></annotations>'
    )
    done = command("convert", "source=a.xml", "out=set")
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 11
    assert done.stderr.endswith("WARNING and 20 more such lines\n")
    assert "30 objects and 0 pictures left out" in done.stdout


def write_label_sets(folder):
    for name, row in (("kpt", "0 0.2 0.2 0.2 0.2 0.15 0.25 2 0.2 0.2 1"), ("seg", "0 0.1 0.1 0.3 0.1 0.3 0.3")):
        (folder / name).mkdir()
        (folder / name / "a.txt").write_text(f"{row}\n")
    (folder / "kpt" / "b.txt").write_text("0 0.2 0.2 0.2 0.2 0.15 0.25 2 0.2 0.2 1\n")


def test_merge_kpt_seg_writes_multitask_labels_and_says_what_it_did(command, folder):
    write_label_sets(folder)
    done = command("merge_kpt_seg", "kpt=kpt", "seg=seg", "out=labels")
    assert done.returncode == 0
    assert (folder / "labels/a.txt").read_text() == "0 0.15 0.25 2 0.2 0.2 1 0.1 0.1 0.3 0.1 0.3 0.3\n"
    assert done.stdout.splitlines() == [
        "1 label file written to labels: 1 object with keypoints and outline, 0 outlines without a pose, "
        "1 pose without an outline; 1 object left out",
        "kpt_shape: [2, 3], told by the rows; classes with keypoints: 0",
    ]
    assert done.stderr.startswith("WARNING kpt/b.txt:1: there is no segment file: the pose is left out")


def test_merge_kpt_seg_takes_the_words_of_its_settings(command, folder):
    write_label_sets(folder)
    done = command(
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
def test_a_mistake_in_merging_is_one_line_and_leaves_nothing(command, folder, words, status, said):
    write_label_sets(folder)
    done = command("merge_kpt_seg", *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["kpt", "seg"]


def test_a_check_prints_a_summary_and_writes_a_report_where_asked(people, folder, command):
    done = command("check", f"data={people}", "out=found/report.html")
    assert done.returncode == 0, done.stderr
    assert "train: 4 pictures" in done.stdout
    assert "Report: found/report.html" in done.stdout
    assert (folder / "found/report.html").read_text().startswith("<!")


def test_reports_of_checks_go_to_numbered_run_folders(people, folder, command):
    for _ in range(2):
        command("check", f"data={people}")
    assert (folder / "runs/pose/check/report.html").is_file()
    assert (folder / "runs/pose/check2/report.html").is_file()


def test_a_check_without_data_says_what_it_needs(command):
    done = command("check")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "data=" in done.stderr


def test_a_missing_data_set_is_one_line_and_nothing_is_written(folder, command):
    done = command("check", "data=missing.yaml")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "missing.yaml" in done.stderr
    assert not (folder / "runs").exists()


def test_two_networks_become_one_that_info_describes_and_predict_uses(command, folder, weights):
    kpt, seg = weights("yolo26n-pose"), weights("yolo26n-seg")
    done = command("merge_weights", f"kpt={kpt}", f"seg={seg}", "out=both.pt")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "both.pt written; it is a start for training, not a finished network"
    assert [line.split()[-2] for line in lines[:-1]] == ["segment", "pose"]
    assert YOLO(folder / "both.pt").names == {0: "person"}
    assert "task        multitask" in command("info", "model=both.pt").stdout
    done = command("multitask", "predict", "model=both.pt", "source=figures", "conf=0.2", "save_txt")
    assert done.returncode == 0, done.stderr
    assert list((folder / "runs/multitask/predict").glob("*.jpg"))


def test_a_wrong_pair_is_one_line(command, weights):
    done = command("merge_weights", f"kpt={weights('yolo11n-seg')}", f"seg={weights('yolo11n-pose')}", "out=a.pt")
    assert done.returncode == 1
    assert "a pose and a segment network are needed" in done.stderr.splitlines()[-1]
