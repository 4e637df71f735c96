"""Values as users give them become checked settings: files, old names, other modes."""

import os

import pytest

from posekit.config.commands import FiguresSettings, modes_by_key
from posekit.config.read import IGNORED, RENAMED, build, current_names, read_cfg, resolve
from posekit.config.settings import PredictSettings, TrainSettings, ValSettings
from posekit.errors import SettingError, SettingTypeError, UnknownSettingError


def test_values_stand_over_the_defaults():
    settings = build(PredictSettings, {"conf": 0.5, "imgsz": [320, 640]})
    assert settings == PredictSettings(conf=0.5, imgsz=(320, 640))


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("cnf", r"conf=0\.25"),
        ("sourc", r"did you mean source\?"),
        ("save_text", "save_txt=false"),
        ("zzzz", "posekit cfg"),
    ],
)
def test_an_unknown_key_is_a_syntax_error_with_near_matches_and_their_defaults(key, named):
    with pytest.raises(SyntaxError, match=named) as caught:
        build(PredictSettings, {key: 1, "iou": 0.5})
    assert isinstance(caught.value, UnknownSettingError)
    assert f"'{key}'" in str(caught.value)


def test_all_unknown_keys_are_named_at_once():
    with pytest.raises(UnknownSettingError, match=r"'cnf'.*'io'"):
        build(PredictSettings, {"cnf": 1, "io": 2})


def test_wrong_type_is_a_type_error():
    with pytest.raises(TypeError, match="epochs='abc'") as caught:
        build(TrainSettings, {"epochs": "abc"})
    assert isinstance(caught.value, SettingTypeError)


def test_out_of_range_is_a_value_error_with_the_range():
    with pytest.raises(ValueError, match=r"conf=1\.5.*from 0 to 1") as caught:
        build(PredictSettings, {"conf": 1.5})
    assert isinstance(caught.value, SettingError)


def test_a_whole_number_may_be_written_as_a_float():
    assert build(TrainSettings, {"epochs": 1e2}).epochs == 100


def test_an_unsupported_export_format_lists_the_valid_ones():
    from posekit.config.settings import FORMATS, ExportSettings

    with pytest.raises(ValueError, match=", ".join(FORMATS)):
        build(ExportSettings, {"format": "onx"})


@pytest.mark.parametrize(("key", "value"), [("epochs", 3), ("tracker", "a.yaml"), ("task", "pose"), ("model", "a.pt")])
def test_a_key_of_another_mode_is_dropped_with_a_warning(key, value, caplog):
    assert build(PredictSettings, {key: value}) == PredictSettings()
    assert f"'{key}' has no effect in predict" in caplog.text


def test_a_key_of_another_mode_is_checked_all_the_same():
    with pytest.raises(SettingTypeError, match="epochs"):
        build(PredictSettings, {"epochs": "abc"})


def test_none_stands_for_the_default():
    assert build(PredictSettings, {"conf": None, "save": None}) == PredictSettings()
    assert build(PredictSettings, {"nms": None}).nms is None


@pytest.mark.parametrize("owner", [TrainSettings, ValSettings])
def test_train_and_val_take_the_larger_side_of_a_list_with_a_warning(owner, caplog):
    assert build(owner, {"imgsz": [320, 640]}).imgsz == 640
    assert f"{owner.command} takes one whole number" in caplog.text


def test_half_means_sixteen_bits():
    assert build(PredictSettings, {"half": True}).half
    assert not build(PredictSettings, {}).half


def test_int8_prediction_needs_an_exported_file():
    with pytest.raises(SettingError, match="precision=8"):
        build(PredictSettings, {"int8": True})


def test_a_needed_setting_that_is_missing_is_named():
    with pytest.raises(UnknownSettingError, match="figures needs out="):
        build(FiguresSettings, {})


class TestCfgFile:
    def test_keys_given_beside_a_file_win(self, tmp_path):
        file = tmp_path / "cfg.yaml"
        file.write_text("conf: 0.5\niou: 0.3\nhalf: true\n")
        settings = build(PredictSettings, {"cfg": str(file), "conf": 0.7, "half": False})
        assert (settings.conf, settings.iou, settings.precision) == (0.7, 0.3, 32)

    def test_keys_of_other_modes_in_a_file_cause_no_warning(self, tmp_path, caplog):
        file = tmp_path / "cfg.yaml"
        file.write_text("epochs: 3\ntask: pose\nconf: 0.5\n")
        assert build(PredictSettings, {"cfg": file}).conf == 0.5
        assert not caplog.records

    def test_an_unknown_key_in_a_file_is_an_error(self, tmp_path):
        file = tmp_path / "cfg.yaml"
        file.write_text("cnf: 0.5\n")
        with pytest.raises(UnknownSettingError, match="conf"):
            build(PredictSettings, {"cfg": file})


def test_resolve_returns_what_was_given_in_stored_form_under_current_names(caplog):
    resolved = resolve(PredictSettings, {"half": True, "hide_conf": True, "classes": 0, "conf": 0.25, "epochs": 3})
    assert resolved == {"precision": 16, "show_conf": False, "classes": (0,), "conf": 0.25}
    caplog.clear()
    assert resolve(PredictSettings, resolved) == resolved
    assert not caplog.records


def test_values_are_read_as_on_the_command_line(tmp_path):
    file = tmp_path / "cfg.yaml"
    file.write_text("lr0: 1e-3\nconf: none\nsave: true\nimgsz: [320, 640]\nname: 123\nproject:\nmodel: a.pt\n")
    assert read_cfg(file) == {
        "lr0": 0.001, "conf": None, "save": True, "imgsz": [320, 640], "name": "123", "project": None, "model": "a.pt",
    }  # fmt: skip


def test_a_missing_file_is_an_error_with_its_name(tmp_path):
    with pytest.raises(SettingError, match=r"nix\.yaml.*no such file"):
        read_cfg(tmp_path / "nix.yaml")


@pytest.mark.parametrize("content", ["- 1\n- 2\n", "just text", "", "1: 2\n"])
def test_a_file_without_keys_is_an_error(tmp_path, content):
    file = tmp_path / "cfg.yaml"
    file.write_text(content)
    with pytest.raises(SettingError, match="key: value"):
        read_cfg(file)


@pytest.mark.parametrize("content", [b"a: [1\nb: 2", b"\xff\xfe\x00", b"a: !!python/object/apply:os.getcwd []"])
def test_a_file_that_is_no_plain_yaml_is_an_error(tmp_path, content):
    file = tmp_path / "cfg.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingError, match="no valid YAML"):
        read_cfg(file)


def test_what_looks_like_a_date_but_is_none_is_an_error(tmp_path):
    (tmp_path / "cfg.yaml").write_text("name: 2024-99-99")
    with pytest.raises(SettingError, match=r"cfg\.yaml: is no valid YAML: month must be in 1\.\.12"):
        read_cfg(tmp_path / "cfg.yaml")


def test_endless_nesting_is_an_error(tmp_path):
    (tmp_path / "cfg.yaml").write_text("[" * 10_000)
    with pytest.raises(SettingError, match="nested too deeply"):
        read_cfg(tmp_path / "cfg.yaml")


def test_a_folder_or_a_pipe_is_told_from_a_missing_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path, tmp_path / "pipe.yaml"):
        with pytest.raises(SettingError, match="not a file"):
            read_cfg(path)


def test_a_path_that_cannot_be_looked_up_is_an_error():
    with pytest.raises(SettingError, match=r"cannot be read \(File name too long\)"):
        read_cfg("x" * 5000)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_does_no_harm(tmp_path, encoding):
    (tmp_path / "cfg.yaml").write_text("conf: 0.5\n", encoding=encoding)
    assert read_cfg(tmp_path / "cfg.yaml") == {"conf": 0.5}


@pytest.mark.parametrize(
    ("given", "current"),
    [
        ({"boxes": False}, {"show_boxes": False}),
        ({"hide_labels": True}, {"show_labels": False}),
        ({"hide_conf": False}, {"show_conf": True}),
        ({"line_thickness": 3}, {"line_width": 3}),
        ({"end2end": True}, {"nms": False}),
    ],
)
def test_an_old_name_is_mapped_with_a_warning(given, current, caplog):
    assert current_names(given) == current
    assert next(iter(given)) in caplog.text
    assert next(iter(current)) in caplog.text


@pytest.mark.parametrize(
    ("given", "bits"),
    [
        ({"half": True}, 16),
        ({"half": False}, 32),
        ({"int8": True}, 8),
        ({"quantize": 16}, 16),
        ({"quantize": 8}, 8),
        ({"precision": 16}, 16),
        ({"half": True, "quantize": 16}, 16),
        ({"half": True, "int8": False}, 16),
    ],
)
def test_all_ways_to_ask_for_a_precision_end_in_one_setting(given, bits, caplog):
    assert current_names(given) == {"precision": bits}
    assert not caplog.records


@pytest.mark.parametrize("given", [{}, {"half": None}, {"quantize": None}])
def test_no_precision_asked_for_leaves_the_default(given):
    assert current_names(given) == {}


def test_two_precisions_are_an_error():
    with pytest.raises(SettingError, match="half=True and int8=True"):
        current_names({"half": True, "int8": True})


def test_old_and_new_name_together_are_an_error():
    with pytest.raises(SettingError, match="hide_labels"):
        current_names({"hide_labels": True, "show_labels": True})


@pytest.mark.parametrize("key", ["hide_conf", "half"])
def test_a_flag_under_an_old_name_must_be_true_or_false(key):
    with pytest.raises(SettingTypeError, match=key):
        current_names({key: "maybe"})


@pytest.mark.parametrize("key", sorted(IGNORED))
def test_a_removed_setting_is_dropped_with_a_warning(key, caplog):
    assert current_names({key: 1, "conf": 0.5}) == {"conf": 0.5}
    assert f"'{key}' has no effect" in caplog.text


def test_no_name_is_both_old_and_current():
    assert not modes_by_key().keys() & (RENAMED.keys() | IGNORED.keys())
    assert {name for name, _ in RENAMED.values()} <= modes_by_key().keys()
