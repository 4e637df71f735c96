import pytest

from posekit.config.commands import FiguresSettings
from posekit.config.read import build, resolve
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
