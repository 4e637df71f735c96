"""ncnn: what a folder holds, that its numbers are those of the graph, and what is refused."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from posekit.config.settings import ExportSettings, PredictSettings
from posekit.errors import CheckpointError, ExportError, SettingError, ShapeError
from posekit.export.export import size_of
from posekit.export.ncnn import write_ncnn
from posekit.models.contract import Deployed
from posekit.models.exported.open import open_exported
from small_exports import pictures, small_model, write_small

pytest.importorskip("pnnx")
pytest.importorskip("ncnn")


@pytest.fixture(scope="module")
def pose(tmp_path_factory):
    return write_small(tmp_path_factory.mktemp("ncnn"), small_model("yolo11n-pose"), format="ncnn")


def test_a_folder_holds_the_network_its_weights_and_what_it_says_of_itself(pose):
    assert pose.path.name == "small_ncnn_model"
    assert sorted(file.name for file in pose.path.iterdir()) == ["metadata.yaml", "model.ncnn.bin", "model.ncnn.param"]
    assert (pose.facts.layout, pose.facts.selection, pose.facts.imgsz) == ("dense", "suppress", (96, 128))


def test_pictures_run_one_by_one_and_give_the_numbers_of_the_graph(pose):
    images = pictures(3)
    assert max(pose.differences(pose.session().run(images), images)) < 2e-3


def test_arrays_that_lie_otherwise_in_memory_are_read_rightly(pose):
    images = pictures(2)
    turned = np.asfortranarray(images)
    assert not turned[0].flags.c_contiguous
    assert max(pose.differences(pose.session().run(turned), images)) < 2e-3


def test_masks_come_as_a_second_output(tmp_path):
    written = write_small(tmp_path, small_model("yolo11n-multitask"), format="ncnn")
    images = pictures(2)
    assert written.facts.outputs == ("output0", "output1")
    assert max(written.differences(written.session().run(images), images)) < 2e-3


def test_yolo26_gives_all_predictions_which_are_ranked_outside(tmp_path):
    written = write_small(tmp_path, small_model("yolo26n-pose", nc=3), format="ncnn")
    images = pictures(2)
    assert (written.facts.layout, written.facts.selection) == ("dense", "rank")
    assert max(written.differences(written.session().run(images), images)) < 2e-3


def test_16_bits_halve_the_file_and_are_asked_for_by_half_alone(tmp_path, pose):
    half = write_small(tmp_path, small_model("yolo11n-pose"), format="ncnn", precision=16)
    assert size_of(half.path / "model.ncnn.bin") < 0.6 * size_of(pose.path / "model.ncnn.bin")
    images = pictures(1)
    assert max(half.differences(half.session().run(images), images)) < 1


def test_pictures_of_another_size_are_an_error_and_no_nonsense(pose):
    with pytest.raises(ShapeError, match=r"\[64, 64\] pixels: this ncnn file takes \[96, 128\]"):
        pose.session().run(pictures(1, (64, 64)))


def test_layers_that_the_runtime_lacks_are_named(tmp_path, pose):
    copied = tmp_path / "other_ncnn_model"
    shutil.copytree(pose.path, copied)
    param = copied / "model.ncnn.param"
    param.write_text(param.read_text().replace("\nSwish ", "\ntorch.topk "))
    with pytest.raises(CheckpointError, match=r"this ncnn has no torch\.topk"):
        open_exported(copied).ready(PredictSettings(device="cpu"), torch.device("cpu"))


class Ranked(torch.nn.Module):
    def forward(self, images):
        return (images.flatten(1).topk(5, 1).values,)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_graph_that_the_runtime_cannot_hold_is_no_export(tmp_path, pose):
    deployed = Deployed(module=Ranked(), facts=replace(pose.facts, imgsz=(32, 32)))
    with pytest.raises(ExportError, match=r"format=ncnn: the runtime has no torch\.topk"):
        write_ncnn(deployed, ExportSettings(format="ncnn"), tmp_path / "x_ncnn_model", ())


def test_what_ncnn_has_not_is_refused_by_name(tmp_path):
    for setting in ({"nms": True}, {"dynamic": True}, {"batch": 2}, {"precision": 8}):
        with pytest.raises(SettingError, match="format=ncnn has no "):
            write_small(tmp_path, small_model(), format="ncnn", **setting)
    assert not list(tmp_path.iterdir())
