"""Settings: their defaults, and words of a command line as values."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from posekit.config.commands import DEFAULT_MODE, DEFAULT_TASK, MODES, TASKS, modes_by_key, require_mode
from posekit.config.describe import default_file, markdown_table, mode_list, rows
from posekit.config.kinds import defaults_of, settings_of
from posekit.config.parse import TEXT_KEYS, join_words, read_pair, read_value, write_value
from posekit.config.read import IGNORED, PRECISION_NAMES, RENAMED, build
from posekit.config.user import UserSettings
from posekit.errors import PosekitError, UnknownSettingError

# The defaults that users know; a change here changes what their commands do.
PREDICT_DEFAULTS = {
    "conf": 0.25, "iou": 0.7, "nms": True, "imgsz": None, "precision": 32, "device": None, "batch": 1, "max_det": 300,
    "classes": None, "agnostic_nms": False, "augment": False, "retina_masks": False, "visualize": False, "embed": None,
    "stream_buffer": False, "vid_stride": 1, "show": False, "save": False, "save_frames": False, "save_txt": False,
    "save_conf": False, "save_crop": False, "show_labels": True, "show_conf": True, "show_boxes": True,
    "line_width": None, "project": None, "name": None, "exist_ok": False, "verbose": True, "rect": True,
}  # fmt: skip

TRAIN_DEFAULTS = {
    "epochs": 100, "patience": 100, "batch": 16, "save": True, "save_period": -1, "cache": False, "device": None,
    "workers": 8, "pretrained": True, "optimizer": "auto", "seed": 0, "deterministic": True, "single_cls": False,
    "rect": False, "cos_lr": False, "close_mosaic": 10, "resume": False, "amp": True, "fraction": 1.0,
    "profile": False, "freeze": None, "multi_scale": 0, "overlap_mask": True, "mask_ratio": 4, "val": True,
    "plots": True, "lr0": 0.01, "lrf": 0.01, "momentum": 0.937, "weight_decay": 0.0005, "warmup_epochs": 3,
    "warmup_momentum": 0.8, "warmup_bias_lr": 0.1, "box": 7.5, "cls": 0.5, "dfl": 1.5, "pose": 12, "kobj": 1,
    "rle": 1, "nbs": 64, "hsv_h": 0.015, "hsv_s": 0.7, "hsv_v": 0.4, "degrees": 0, "translate": 0.1, "scale": 0.5,
    "shear": 0, "perspective": 0, "flipud": 0, "fliplr": 0.5, "bgr": 0, "mosaic": 1, "mixup": 0, "cutmix": 0,
    "copy_paste": 0, "copy_paste_mode": "flip", "exist_ok": False, "precision": 32,
}  # fmt: skip

VAL_DEFAULTS = {
    "split": "val", "batch": 16, "conf": 0.001, "iou": 0.7, "max_det": 300, "rect": True, "plots": True,
    "save_json": False, "save_txt": False, "save_conf": False, "single_cls": False, "agnostic_nms": False,
}  # fmt: skip

EXPORT_DEFAULTS = {"format": "torchscript", "batch": 1, "device": None, "dynamic": False, "simplify": True, "nms": None}

TRACK_DEFAULTS = PREDICT_DEFAULTS | {"conf": 0.1, "tracker": "bytetrack.yaml", "persist": False}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("train", TRAIN_DEFAULTS),
        ("val", VAL_DEFAULTS),
        ("predict", PREDICT_DEFAULTS),
        ("export", EXPORT_DEFAULTS),
        ("track", TRACK_DEFAULTS),
    ],
)
def test_defaults_are_the_ones_users_know(mode, expected):
    defaults = defaults_of(MODES[mode].settings)
    assert {key: defaults[key] for key in expected} == expected


def test_predict_has_no_settings_beyond_the_known_ones():
    assert set(defaults_of(MODES["predict"].settings)) == set(PREDICT_DEFAULTS)


def test_a_setting_means_the_same_in_every_mode():
    for key, modes in modes_by_key().items():
        described = [settings_of(mode.settings)[key] for mode in modes]
        assert len({(setting.meaning, setting.unit) for setting in described}) == 1, key


def test_every_setting_has_a_meaning():
    assert all(settings_of(modes[0].settings)[key].meaning for key, modes in modes_by_key().items())


def test_the_tasks_and_modes_are_the_ones_of_the_command_line():
    assert list(TASKS) == ["detect", "segment", "pose", "multitask"]
    assert list(MODES) == ["train", "val", "predict", "export", "track", "benchmark"]
    assert DEFAULT_MODE in MODES
    assert DEFAULT_TASK in TASKS


def test_each_mode_knows_its_own_name():
    assert all(mode.settings.command == mode.name for mode in MODES.values())


def test_a_mode_of_this_release_is_returned():
    assert require_mode("predict").settings is MODES["predict"].settings


def test_a_mode_of_a_later_release_is_one_clear_error():
    with pytest.raises(PosekitError, match=r"^posekit \S+ has no track mode yet; the modes of this release are "):
        require_mode("track")


PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_settings_page_holds_the_table_of_the_code():
    """After a change of settings: python -m posekit.config.describe prints the new table."""
    assert markdown_table() in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("names", [RENAMED, IGNORED, PRECISION_NAMES, settings_of(UserSettings)], ids=len)
def test_the_settings_page_names_all_other_words(names):
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}" not in text] == []


def test_every_setting_has_one_row():
    assert [row.key for row in rows()] == sorted(modes_by_key())


def test_a_default_that_depends_on_the_mode_is_shown_for_each():
    line = next(line for line in markdown_table().splitlines() if line.startswith("| `conf`"))
    assert "0.25 (val: 0.001; track: 0.1)" in line


def test_a_mode_lists_its_settings_with_their_defaults():
    assert "conf=0.25" in mode_list(MODES["predict"].settings)
    assert "epochs" not in mode_list(MODES["predict"].settings)


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.name)
def test_the_default_file_changes_nothing_in_any_mode(mode, tmp_path, caplog):
    file = tmp_path / "default_copy.yaml"
    file.write_text(default_file(), encoding="utf-8")
    assert build(mode.settings, {"cfg": file}) == mode.settings()
    assert not caplog.records


def test_the_default_file_names_every_setting():
    text = default_file()
    assert all(f"{key}: " in text for key in modes_by_key())
    assert yaml.safe_load(text)["max_det"] == 300


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("none", None),
        ("None", None),
        ("NONE", None),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("False", False),
        ("640", 640),
        ("-1", -1),
        ("0.25", 0.25),
        ("1e2", 100.0),
        ("[320, 640]", [320, 640]),
        ("0,1", (0, 1)),
        ("'quoted'", "quoted"),
        ("yolov8n-pose.pt", "yolov8n-pose.pt"),
        ("https://example.org/bus.jpg", "https://example.org/bus.jpg"),
        ("screen 0 1 2 3 4", "screen 0 1 2 3 4"),
        ("C:\\data\\new", "C:\\data\\new"),
        ("2024-01-01", "2024-01-01"),
        ("[a.jpg", "[a.jpg"),
        ("1if", "1if"),
        ("__import__('os')", "__import__('os')"),
        ("(" * 500, "(" * 500),
    ],
)
def test_a_value_is_none_true_false_a_literal_or_text(text, value):
    assert read_value("key", text) == value
    assert type(read_value("key", text)) is type(value)


@pytest.mark.parametrize("text", ["123", "true", "none", "[1]"])
def test_names_and_folders_stay_text(text):
    assert {read_value(key, text) for key in TEXT_KEYS} == {text}


def test_name_and_project_are_among_the_text_keys():
    assert {"name", "project"} <= TEXT_KEYS


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))


@given(VALUES | st.lists(VALUES | st.text()))
def test_reading_a_written_value_gives_it_back(value):
    assert read_value("key", write_value(value)) == value


@given(st.text())
def test_any_text_survives_when_quoted_and_never_fails_unquoted(text):
    assert read_value("key", repr(text)) == text
    read_value("key", text)


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        (["conf", "=", "0.5"], ["conf=0.5"]),
        (["conf=", "0.5"], ["conf=0.5"]),
        (["conf", "=0.5"], ["conf=0.5"]),
        (["imgsz=[320,", "640]"], ["imgsz=[320, 640]"]),
        (["imgsz", "=", "[320,", "640", "]", "save"], ["imgsz=[320, 640 ]", "save"]),
        (["imgsz=(320,", "640)"], ["imgsz=(320, 640)"]),
        (["source=", "https://example.org/a?b=c"], ["source=https://example.org/a?b=c"]),
        (["pose", "predict", "conf=0.5"], ["pose", "predict", "conf=0.5"]),
        (["source=img[0-9].jpg", "conf=0.5"], ["source=img[0-9].jpg", "conf=0.5"]),
        (["conf=", "iou=0.5"], ["conf=", "iou=0.5"]),
        (["imgsz=[320", "conf=0.5"], ["imgsz=[320", "conf=0.5"]),
        ([], []),
    ],
)
def test_words_that_the_shell_split_are_joined(words, joined):
    assert join_words(words) == joined


@given(st.lists(st.from_regex(r"[a-z]{1,5}(=[a-z0-9.]{1,5})?", fullmatch=True)))
def test_joining_leaves_whole_words_alone(words):
    assert join_words(words) == words


@pytest.mark.parametrize(
    ("word", "pair"),
    [
        ("conf=0.5", ("conf", "0.5")),
        ("source=a=b.jpg", ("source", "a=b.jpg")),
        ("name= x ", ("name", "x")),
        ("source=smile:).jpg", ("source", "smile:).jpg")),
        ("source=img[0-9]", ("source", "img[0-9]")),
        ("predict", None),
        ("https://example.org/?a=b", None),
        ("--debug", None),
    ],
)
def test_a_pair_is_split_at_the_first_equals_sign(word, pair):
    assert read_pair(word) == pair


@pytest.mark.parametrize(
    ("word", "pair"),
    [
        ("--conf=0.5", ("conf", "0.5")),
        ("-conf=0.5", ("conf", "0.5")),
        ("--save-txt=true", ("save_txt", "true")),
        ("conf=0.5,", ("conf", "0.5")),
    ],
)
def test_dashes_and_a_trailing_comma_are_tolerated_with_a_warning(word, pair, caplog):
    assert read_pair(word) == pair
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("word", ["conf=", "conf=,", "--conf=", "conf= "])
def test_an_empty_value_is_a_syntax_error(word):
    with pytest.raises(SyntaxError, match="conf") as caught:
        read_pair(word)
    assert isinstance(caught.value, UnknownSettingError)


@pytest.mark.parametrize("word", ["imgsz=[320", "imgsz=320]", "imgsz=[320, [640]", "imgsz=(320", "imgsz=320)"])
def test_an_unmatched_bracket_is_a_syntax_error(word):
    with pytest.raises(SyntaxError, match="bracket"):
        read_pair(word)
