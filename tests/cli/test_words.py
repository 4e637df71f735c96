import pytest

from posekit.cli.commands import SPECIALS
from posekit.cli.words import read_command
from posekit.errors import SettingError, SettingTypeError, UnknownSettingError


@pytest.mark.parametrize(
    "line",
    [
        "pose predict model=a.pt conf=0.5",
        "predict pose conf=0.5 model=a.pt",
        "conf=0.5 model=a.pt predict pose",
        "task=pose mode=predict model=a.pt conf=0.5",
        "mode=predict pose conf = 0.5 model= a.pt",
    ],
)
def test_the_order_of_words_is_free(line):
    command = read_command(line.split())
    assert (command.special, command.settings.task, command.settings.mode) == (None, "pose", "predict")
    assert command.settings.model == "a.pt"
    assert command.values == {"conf": 0.5}


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["save_txt"], {"save_txt": True}),
        (["nms"], {"nms": True}),
        (["half"], {"half": True}),
        (["hide_labels"], {"hide_labels": True}),
        (["imgsz=[320,", "640]"], {"imgsz": [320, 640]}),
        (["name=123", "project=true"], {"name": "123", "project": "true"}),
        (["epochs=1e2"], {"epochs": 100.0}),
        (["device=0,1"], {"device": (0, 1)}),
        (["classes=0,"], {"classes": 0}),
        (["conf=0.1", "conf=0.2"], {"conf": 0.2}),
        (["val=true"], {"val": True}),
    ],
)
def test_settings_become_typed_values(words, values):
    assert read_command(["predict", *words]).values == values


def test_a_flag_with_dashes_is_taken_with_a_warning(caplog):
    assert read_command(["predict", "--save-txt"]).values == {"save_txt": True}
    assert "write save_txt" in caplog.text


def test_task_and_mode_words_win_over_settings_of_the_same_name():
    command = read_command(["pose", "val"])
    assert (command.settings.task, command.settings.mode, command.values) == ("pose", "val", {})


@pytest.mark.parametrize("source", [0, "screen 0", "https://example.org/bus.jpg"])
def test_a_source_may_be_a_number_or_text(source):
    assert read_command(["predict", f"source={source}"]).settings.source == source


@pytest.mark.parametrize(
    ("words", "special"),
    [([], "help"), *(([word], name) for name in SPECIALS for word in (name, f"--{name}"))]
    + [([word], "help") for word in ("h", "-h")]
    + [([word], "version") for word in ("v", "-v")]
    + [([word], "settings") for word in ("s", "-s")]
    + [([word], "checks") for word in ("c", "-c")]
    + [(["predict", "-h"], "help"), (["predict", "--help"], "help"), (["figures", "-h"], "help")]
    + [(["version", "version"], "version")],
)
def test_special_commands_have_several_forms(words, special):
    assert read_command(words).special == special


def test_help_keeps_the_mode_it_is_asked_about():
    assert read_command(["help", "predict"]).settings.mode == "predict"


def test_settings_reset_is_understood():
    command = read_command(["settings", "reset"])
    assert (command.special, command.reset) == ("settings", True)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["pose", "predct"], "did you mean predict"),
        (["pse"], "did you mean pose"),
        (["versoin"], "did you mean version"),
        (["predict", "save_text"], "did you mean save_txt"),
        (["predict", "zzzzzz"], "posekit help"),
        (["predict", "conf"], "write conf=VALUE"),
        (["predict", "source"], "write source=VALUE"),
        (["predict", "--conf", "0.5"], "write conf=VALUE"),
        (["predict", "line_thickness"], "write line_thickness=VALUE"),
        (["predict", "conf="], "has no value"),
        (["predict", "imgsz=[320"], "bracket"),
        (["predict", "x"], "'x' is not a known word"),
        (["pose", "detect"], "two words for the task"),
        (["predict", "val"], "two words for the mode"),
        (["reset"], "'reset' is not a known word"),
        (["version", "checks"], "'version' and 'checks' are two commands: give only one"),
    ],
)
def test_a_word_that_cannot_be_understood_is_a_syntax_error(words, text):
    with pytest.raises(SyntaxError) as caught:
        read_command(words)
    assert isinstance(caught.value, UnknownSettingError)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("word", "listed"),
    [
        ("mode=predct", "train, val, predict, export, track, benchmark"),
        ("task=pos", "detect, segment, pose, multitask"),
    ],
)
def test_a_wrong_mode_or_task_is_a_value_error_listing_the_valid_ones(word, listed):
    with pytest.raises(ValueError, match=listed) as caught:
        read_command([word])
    assert isinstance(caught.value, SettingError)


def test_a_model_must_be_text():
    with pytest.raises(SettingTypeError, match="model=5"):
        read_command(["predict", "model=5"])


def test_a_cfg_file_may_name_task_mode_model_and_source(tmp_path):
    file = tmp_path / "cfg.yaml"
    file.write_text("task: pose\nmode: predict\nmodel: file.pt\nsource: a.jpg\nconf: 0.4\n")
    command = read_command([f"cfg={file}", "model=given.pt"])
    assert (command.settings.task, command.settings.mode) == ("pose", "predict")
    assert (command.settings.model, command.settings.source) == ("given.pt", "a.jpg")
    assert command.settings.cfg == str(file)
