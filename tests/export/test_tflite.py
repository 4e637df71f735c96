"""LiteRT: files written without TensorFlow give what the network gives, and whole numbers are understood."""

import numpy as np
import pytest
import torch

from exported_outputs import CPU, both_outputs, pictures, small_model
from posekit.config.settings import ExportSettings
from posekit.errors import CheckpointError, SettingError
from posekit.export.export import size_of
from posekit.export.formats import FORMATS
from posekit.models.exported.facts import Facts
from posekit.models.exported.sessions import LiteRtSession

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
FACTS = Facts(
    task="detect", names={0: "thing"}, schema=None, placing="letterbox", stride=32, imgsz=(8, 12), layout="dense",
    selection="suppress", unit="pixels", outputs=("output0", "output1"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _packages():
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("litert_torch")


class TwoOutputs(torch.nn.Module):
    """A map of a picture, and its means."""

    def __init__(self, *, last_axis):
        super().__init__()
        self.mix = torch.nn.Conv2d(3, 4, 1)
        self.last_axis = last_axis

    def forward(self, images):
        """Return (B, 4, H, W) and (B, 4)."""
        mixed = self.mix(images.permute(0, 3, 1, 2) if self.last_axis else images)
        return mixed, mixed.mean((2, 3))


def converted(path, *, last_axis=False, recipe=None):
    """Write such a module, in 8 bits with a recipe, and return what it gives for a picture."""
    import litert_torch

    torch.manual_seed(0)
    module, images = TwoOutputs(last_axis=last_axis).eval(), torch.from_numpy(pictures(1, FACTS.imgsz))
    given = images.permute(0, 2, 3, 1).contiguous() if last_axis else images
    litert_torch.convert(module, (given,)).export(str(path))
    if recipe:
        from ai_edge_quantizer import quantizer

        made = quantizer.Quantizer(str(path), recipe)
        seen = made.calibrate({"serving_default": [{"args_0": given.numpy()}]})
        path.write_bytes(made.quantize(seen).quantized_model)
    with torch.no_grad():
        return images.numpy(), [output.numpy() for output in module(given)]


@pytest.mark.parametrize("last_axis", [False, True])
def test_channels_may_come_first_or_last(tmp_path, last_axis):
    images, wanted = converted(tmp_path / "a.tflite", last_axis=last_axis)
    for got, want in zip(LiteRtSession(tmp_path / "a.tflite", FACTS, CPU).run(images), wanted, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_whole_numbers_are_turned_into_what_they_stand_for(tmp_path):
    from ai_edge_quantizer import recipe

    images, wanted = converted(tmp_path / "a.tflite", recipe=recipe.static_wi8_ai8())
    session = LiteRtSession(tmp_path / "a.tflite", FACTS, CPU)
    for got, want in zip(session.run(images), wanted, strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, atol=0.03)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("yolov8n-pose", {"nms": True, "conf": 0.01}),
        ("yolo26n-pose", {"max_det": 20, "conf": 0.01}),
    ],
)
def test_a_file_gives_what_the_network_gives(tmp_path, name, settings):
    facts, wanted, got = both_outputs(small_model(name), tmp_path, format="tflite", **settings)
    assert len(got) == len(facts.outputs)
    for one, other in zip(wanted, got, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-3 * np.abs(one).max())


def test_sixteen_bits_halve_the_weights_and_keep_float_outputs(tmp_path):
    model = small_model("yolov8n-pose", kpt_shape=(4, 2))
    facts, wanted, got = both_outputs(model, tmp_path, format="tflite", precision=16, imgsz=(64, 96), batch=2)
    assert facts.precision == 16
    parameters = sum(parameter.numel() for parameter in model.network.parameters())
    assert size_of(tmp_path / "small.tflite") < 3.5 * parameters
    np.testing.assert_allclose(got[0], wanted[0], atol=2e-2 * np.abs(wanted[0]).max())


def test_a_damaged_file_and_another_device_are_refused_in_one_line(tmp_path):
    (tmp_path / "a.tflite").write_bytes(b"no flatbuffer")
    with pytest.raises(CheckpointError, match="cannot be opened by LiteRT"):
        LiteRtSession(tmp_path / "a.tflite", FACTS, CPU)
    with pytest.raises(SettingError, match="run on the CPU here"):
        LiteRtSession(tmp_path / "a.tflite", FACTS, torch.device("cuda"))


def test_sizes_stay_fixed():
    with pytest.raises(SettingError, match="format=tflite has no dynamic"):
        FORMATS["tflite"].check(ExportSettings(format="tflite", dynamic=True))
