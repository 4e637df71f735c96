"""Exporting: the file stands beside the weights, whole or not at all, and the network stays as it was."""

import copy
import logging
import sys
from dataclasses import replace

import pytest
import torch

from posekit.config.settings import ExportSettings, PredictSettings
from posekit.engine.predictor import Predictor, open_run
from posekit.errors import ExportError, OutputError, SettingError
from posekit.export import export as pipeline
from posekit.export.export import export_network, size_of
from posekit.export.formats import FORMATS, Format
from posekit.models.exported.open import ENDINGS, open_exported
from small_exports import SIZE, small_model
from small_networks import different
from small_rfdetr import small_model as small_rfdetr_model

resource = pytest.importorskip("resource")
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]
UNCHECKED = ExportSettings(format="torchscript", imgsz=SIZE, check=False)


@pytest.fixture
def network():
    return small_model("yolo11n-pose", nc=2)


@pytest.fixture
def weights(tmp_path):
    """Where the weights would be: a folder with nothing else in it."""
    return tmp_path / "runs" / "best.pt"


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def writer_that(monkeypatch, act, folder=False):
    """Let the format torchscript be written by a function of the target alone."""
    changed = replace(FORMATS["torchscript"], ending="_web_model") if folder else FORMATS["torchscript"]
    monkeypatch.setitem(FORMATS, "torchscript", changed)
    monkeypatch.setattr(
        Format, "writer", property(lambda self: lambda deployed, settings, target, pictures: act(target))
    )


def test_the_path_that_is_returned_stands_beside_the_weights(network, weights):
    path = export_network(network, UNCHECKED, weights)
    assert path == weights.with_name("best.torchscript")
    assert files_in(weights.parent) == ["best.torchscript"]
    assert open_exported(path).facts.model == "best"


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_name_of_what_is_written_tells_its_format(name):
    assert ENDINGS[FORMATS[name].ending] == name


def test_a_checked_file_says_so_and_how_large_it_is(network, weights, caplog):
    with caplog.at_level(logging.INFO, logger="posekit"):
        path = export_network(network, replace(UNCHECKED, check=True), weights)
    agreed, written = (record.getMessage() for record in caplog.records)
    assert "agrees with PyTorch" in agreed
    assert written.startswith(f"{path} (")
    assert f"({size_of(path) / 1e6:.1f} MB)" in written


def test_a_file_that_fails_its_check_is_not_left_behind_and_the_older_one_stays(network, weights, monkeypatch):
    path = export_network(network, UNCHECKED, weights)
    good = path.read_bytes()
    other = small_model("yolo11n-pose", nc=2, seed=1)
    real = FORMATS["torchscript"].writer

    def wrong(deployed, settings, target, pictures):
        real(other.deployed(settings, FORMATS["torchscript"].dialect), settings, target, pictures)

    monkeypatch.setattr(Format, "writer", property(lambda self: wrong))
    with pytest.raises(ExportError, match="the file gives other results than the network"):
        export_network(network, replace(UNCHECKED, check=True), weights)
    assert files_in(weights.parent) == ["best.torchscript"]
    assert path.read_bytes() == good
    export_network(network, UNCHECKED, weights)  # check=False writes it
    assert path.read_bytes() != good


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("no such operator\n and much more"), MemoryError])
def test_a_writer_that_fails_or_is_interrupted_leaves_nothing(network, weights, monkeypatch, error, folder):
    def act(target):
        if folder:
            target.mkdir()
        (target / "half.bin" if folder else target).write_bytes(b"half of it")
        raise error

    writer_that(monkeypatch, act, folder)
    ending = FORMATS["torchscript"].ending
    old = weights.with_name(f"best{ending}")
    if folder:
        old.mkdir(parents=True)
        (old / "old.bin").write_bytes(b"old")
    else:
        old.parent.mkdir(parents=True)
        old.write_bytes(b"old")
    before = files_in(weights.parent)
    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else ExportError) as raised:
        export_network(network, UNCHECKED, weights)
    assert "\n" not in str(raised.value)
    assert files_in(weights.parent) == before
    assert (old / "old.bin" if folder else old).read_bytes() == b"old"
    assert [path.name for path in weights.parent.iterdir()] == [old.name]


def test_an_interrupt_while_the_file_is_checked_leaves_nothing(network, weights, monkeypatch):
    def interrupted(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "check_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_network(network, replace(UNCHECKED, check=True), weights)
    assert list(weights.parent.iterdir()) == []


def test_a_converter_that_writes_nothing_is_an_error_and_takes_nothing_away(network, weights, monkeypatch):
    weights.parent.mkdir(parents=True)
    old = weights.with_name("best.torchscript")
    old.write_bytes(b"old")
    writer_that(monkeypatch, lambda target: None)
    monkeypatch.setattr(pipeline, "write_texts", lambda path, texts: None)
    with pytest.raises(OutputError, match=r"best\.torchscript cannot be written"):
        export_network(network, UNCHECKED, weights)
    assert old.read_bytes() == b"old"


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(network, weights):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises((OutputError, ExportError)) as failed:
            export_network(network, UNCHECKED, weights)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(failed.value)
    assert list(weights.parent.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_told(network, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="cannot be written"):
        export_network(network, UNCHECKED, tmp_path / "file" / "best.pt")


def test_settings_without_a_meaning_are_refused_before_anything_is_written(network, weights):
    with pytest.raises(SettingError, match="format=torchscript has no int8: formats that have it are"):
        export_network(network, replace(UNCHECKED, precision=8), weights)
    assert not weights.parent.exists()


def test_what_converters_print_is_not_seen_and_what_was_printed_before_is(network, weights, monkeypatch, capfd):
    def act(target):
        print("progress 50 %")
        print("a warning", file=sys.stderr)
        target.write_bytes(b"zip")

    writer_that(monkeypatch, act)
    with open(1, "w", closefd=False) as stream:  # a number is no path
        monkeypatch.setattr(sys, "stdout", stream)
        print("printed before")
        export_network(network, UNCHECKED, weights)
        print("printed after")
    out, err = capfd.readouterr()
    assert out.split("\n")[:2] == ["printed before", "printed after"]
    assert "warning" not in err


def states(network):
    module = network.network
    return {
        "weights": {name: tensor.detach().clone() for name, tensor in module.state_dict().items()},
        "training": {name: part.training for name, part in module.named_modules()},
        "gradients": {name: value.requires_grad for name, value in module.named_parameters()},
        "kinds": {name: type(part).__name__ for name, part in module.named_modules()},
        "settings": copy.deepcopy(network.settings),
        "names": dict(network.names),
    }


def predictions(network, imgsz):
    predictor = Predictor()
    settings = PredictSettings(imgsz=imgsz, verbose=False, conf=0.01)
    predictor.model = network.ready(settings, torch.device("cpu"))
    results = list(predictor.stream(open_run(settings, "figures:2")))
    return [(result.boxes.data, result.keypoints.data) for result in results]


def half_frozen(network):
    """Put a part into training mode and freeze another, as a user may who has just trained."""
    network.network.train()
    parts = list(network.network.children())
    parts[0].eval()
    for parameter in parts[0].parameters():
        parameter.requires_grad_(False)
    return network


@pytest.mark.parametrize("values", [{}, {"precision": 16}, {"nms": True}, {"dynamic": True, "optimize": True}])
@pytest.mark.parametrize("make", [lambda: small_model("yolo26n-pose"), small_rfdetr_model])
def test_the_network_stays_as_it_was(make, values, weights):
    network = half_frozen(make())
    imgsz = SIZE if hasattr(network.network, "strides") else None
    before = states(network)
    expected = predictions(make(), imgsz)
    export_network(network, ExportSettings(**{"format": "torchscript", "imgsz": imgsz} | values), weights)
    assert different(before, states(network)) == []
    assert different(expected, predictions(network, imgsz)) == []


def test_the_network_stays_as_it_was_when_the_export_fails(weights, monkeypatch):
    network = half_frozen(small_rfdetr_model())
    before = states(network)

    def act(target):
        raise RuntimeError("no")

    writer_that(monkeypatch, act)
    with pytest.raises(ExportError, match="format=torchscript: the converter failed: RuntimeError: no"):
        export_network(network, ExportSettings(format="torchscript"), weights)
    assert different(before, states(network)) == []


@pytest.mark.parametrize("form", ["torchscript", "onnx", "openvino"])
def test_every_format_holds_names_as_they_are(form, network, weights):
    for package in FORMATS[form].packages:
        pytest.importorskip(package)
    names = {0: 'it\'s "one"', 1: "Zwölf\nBoxkämpfer — 拳 \\"}
    network.network.names = names
    path = export_network(network, ExportSettings(format=form, imgsz=SIZE), weights)
    facts = open_exported(path).facts
    assert facts.names == names
    assert facts.schema.names[7] == "left_elbow"
    assert (facts.task, facts.imgsz, facts.stride, facts.placing, facts.unit) == (
        "pose",
        SIZE,
        32,
        "letterbox",
        "pixels",
    )
