"""A file that gives other results than its network is not written: the error names what is off, by how much, where."""

import logging
from dataclasses import replace

import pytest
import torch

from posekit.checkpoint.weights import packaged_weights
from posekit.config.settings import ExportSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.errors import ExportError
from posekit.export.differences import LIMITS, Differences, Rows
from posekit.export.formats import FORMATS
from posekit.export.parity import check_file, drawn_pictures, second_size
from posekit.export.torchscript import write_torchscript
from posekit.models.exported.metadata import write_texts
from posekit.models.opening import open_model
from small_exports import SIZE, small_model
from small_rfdetr import small_model as small_rfdetr_model

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


class Damaged(torch.nn.Module):
    """A graph whose outputs are changed."""

    def __init__(self, graph, change):
        super().__init__()
        self.graph = graph
        self.change = change

    def forward(self, images):
        return self.change(self.graph(images))


def checked(folder, network, change=lambda outputs: outputs, **values):
    """Write a graph, changed, and compare the file with the network."""
    settings = ExportSettings(**{"format": "torchscript", "imgsz": SIZE} | values)
    deployed = network.deployed(settings, FORMATS["torchscript"].dialect)
    path = folder / "small.torchscript"
    write_torchscript(replace(deployed, module=Damaged(deployed.module, change)), settings, path, ())
    write_texts(path, deployed.facts.to_texts())
    exact = network.deployed(replace(settings, precision=32), FORMATS["torchscript"].dialect)
    return check_file(path, network, replace(exact, facts=deployed.facts), settings)


@pytest.fixture(scope="module")
def pose():
    return small_model("yolo11n-pose", nc=2)


def shifted(place, by):
    """Return a change of the first output: some of its channels, or some values of its rows, get another value."""

    def change(outputs):
        added = torch.zeros_like(outputs[0])
        added[place] = by
        return (outputs[0] + added, *outputs[1:])

    return change


def test_pictures_are_of_all_kinds():
    shapes = {sample.path: sample.size for sample in drawn_pictures()}
    assert len(shapes) == 12
    assert shapes["stretched 20000x200"] == (200, 20000)
    assert shapes["stretched 1x1"] == (1, 1)
    assert shapes["stretched 3x900"] == (900, 3)
    assert {"grey 640x480", "black 640x480", "crowded 640x640"} <= set(shapes)


def test_a_good_file_is_told_in_one_line(pose, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="posekit"):
        found = checked(tmp_path, pose)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("torchscript agrees with PyTorch: boxes and keypoints within 0.0")
    assert line.endswith(f"on 12 pictures ({found.confident} confident predictions)")
    assert found.confident > 0
    assert found.detections > 0
    assert found.largest["keypoints"] < 1e-3
    assert found.largest["scores"] < 1e-5


# Channels of the output of two classes and 17 points: 4 of the box, 2 scores, 3 for each point.
DAMAGES = [
    (shifted((slice(None), 6 + 7 * 3), 3.4), r"keypoint 7 \(left_elbow\) is 3\.4 px off \(at most 0\.5 px\)"),
    (shifted((slice(None), 6 + 16 * 3 + 1), -0.6), r"keypoint 16 \(right_ankle\) is 0\.6 px off"),
    (shifted((slice(None), 6 + 2 * 3 + 2), 0.02), r"the confidence of keypoint 2 \(right_eye\) is 0\.02 off"),
    (shifted((slice(None), 0), 5.0), r"the box of class \d \(.*\) is 5 px off"),
    (shifted((slice(None), 3), 1.1), r"the box of class \d \(.*\) is 0\.55 px off"),
    (shifted((slice(None), 5), 0.011), r"the score of class 1 \(.*\) is 0\.011 off"),
    (lambda outputs: (outputs[0].transpose(1, 2),), r"output0 has the shape \(252, 57\), not \(57, 252\)"),
    (lambda outputs: (outputs[0][:, :, :-1],), r"output0 has the shape \(57, 251\)"),
    (lambda outputs: (outputs[0].flip(2),), r"the score of class|the box of class"),
    (lambda outputs: ((outputs[0] * 1e6).half().float(),), "output0 holds values that are no finite numbers"),
]


@pytest.mark.parametrize(("change", "said"), DAMAGES)
def test_what_is_off_is_named_with_its_picture(pose, change, said, tmp_path):
    with pytest.raises(ExportError, match=said) as failed:
        checked(tmp_path, pose, change)
    line = str(failed.value)
    assert line.startswith("format=torchscript: the file gives other results than the network: ")
    assert " on picture figures-1 640x480" in line
    assert line.endswith("nothing was written; check=False writes it in spite of that")
    assert "\n" not in line


def test_swapped_keypoints_are_found(pose, tmp_path):
    order = list(range(57))
    order[6 + 15 : 6 + 18], order[6 + 18 : 6 + 21] = order[6 + 18 : 6 + 21], order[6 + 15 : 6 + 18]
    with pytest.raises(ExportError, match=r"keypoint [56] \((left|right)_shoulder\) is .* px off"):
        checked(tmp_path, pose, lambda outputs: (outputs[0][:, order],))


def test_one_changed_bias_is_found(tmp_path):
    right, wrong = small_model("yolo11n-pose"), small_model("yolo11n-pose")
    bias = dict(wrong.network.named_parameters())
    key = next(name for name in bias if name.endswith("cv4.0.2.bias"))
    with torch.no_grad():
        bias[key][9 * 3] += 2.0
    settings = ExportSettings(format="torchscript", imgsz=SIZE)
    deployed = wrong.deployed(settings, FORMATS["torchscript"].dialect)
    write_torchscript(deployed, settings, tmp_path / "m.torchscript", ())
    write_texts(tmp_path / "m.torchscript", deployed.facts.to_texts())
    with pytest.raises(ExportError, match=r"keypoint 9 \(left_wrist\) is \d+ px off"):
        check_file(
            tmp_path / "m.torchscript", right, right.deployed(settings, FORMATS["torchscript"].dialect), settings
        )


def test_a_difference_on_one_picture_alone_is_found(pose, tmp_path):
    """The grey picture is the only one whose pixels are all the same and not black."""

    def change(outputs, images):
        grey = ((images - 114 / 255).abs().amax((1, 2, 3)) < 1e-3).float()[:, None, None]
        added = torch.zeros_like(outputs[0])
        added[:, 0] = 30
        return (outputs[0] + added * grey,)

    class Grey(Damaged):
        def forward(self, images):
            return change(self.graph(images), images)

    settings = ExportSettings(format="torchscript", imgsz=SIZE)
    deployed = pose.deployed(settings, FORMATS["torchscript"].dialect)
    path = tmp_path / "m.torchscript"
    write_torchscript(replace(deployed, module=Grey(deployed.module, None)), settings, path, ())
    write_texts(path, deployed.facts.to_texts())
    with pytest.raises(ExportError, match=r"is 30 px off .* on picture grey 640x480"):
        check_file(path, pose, pose.deployed(settings, FORMATS["torchscript"].dialect), settings)


def test_16_bits_have_limits_of_their_own(pose, tmp_path, caplog):
    found = checked(tmp_path, pose, precision=16)
    assert 1e-3 < found.largest["keypoints"] < 2
    with pytest.raises(ExportError, match=r"keypoint 7 \(left_elbow\) is .* px off \(at most 2 px\)"):
        checked(tmp_path, pose, shifted((slice(None), 6 + 7 * 3), 2.5), precision=16)


def test_8_bits_are_judged_by_what_they_find(pose, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="posekit"):
        checked(tmp_path, pose, shifted((slice(None), 6), 2.5), precision=8)
    assert "torchscript in 8 bits finds" in caplog.text
    with pytest.raises(ExportError, match=r"(\d+) of \1 detections are missing"):
        checked(tmp_path, pose, lambda outputs: (outputs[0] * 0.01,), precision=8)


def test_rows_are_compared_and_a_lost_or_invented_one_is_named(pose, tmp_path):
    found = checked(tmp_path, pose, nms=True)
    assert found.moved == 0
    assert 0 < found.confident <= found.ranks

    def lose(outputs):
        rows = outputs[0].clone()
        rows[:, 0] = 0
        return (rows,)

    with pytest.raises(ExportError, match=r"a detection of class \d .* with the score 0\.\d+ in the box .* is missing"):
        checked(tmp_path, pose, lose, nms=True)

    def invent(outputs):
        rows = outputs[0].clone()
        rows[:, -1] = rows[:, 0]
        rows[:, -1, :4] += 200
        return (rows,)

    with pytest.raises(ExportError, match="is one that PyTorch does not find"):
        checked(tmp_path, pose, invent, nms=True)
    with pytest.raises(ExportError, match=r"keypoint 7 \(left_elbow\) is 4 px off"):
        checked(tmp_path, pose, shifted((slice(None), slice(0, 1), 6 + 21), 4.0), nms=True)


def test_rows_that_stand_at_other_ranks_are_counted(pose, tmp_path):
    def swap(outputs):
        order = torch.arange(outputs[0].shape[1])
        order[:2] = torch.tensor([1, 0])
        return (outputs[0][:, order],)

    assert checked(tmp_path, pose, swap, nms=True).moved > 0


def test_masks_are_compared(tmp_path):
    network = small_model("yolo11n-multitask")
    assert checked(tmp_path, network).largest["masks"] < 1e-4
    with pytest.raises(ExportError, match=r"the value of mask prototype 3 at row 5, column \d+ is .* of the largest"):
        checked(tmp_path, network, lambda outputs: (outputs[0], outputs[1] + one_place(outputs[1], (3, 5))))
    with pytest.raises(ExportError, match=r"mask coefficient 31 is .* off"):
        checked(tmp_path, network, shifted((slice(None), -1), 50.0))


def one_place(values, place):
    added = torch.zeros_like(values)
    added[(slice(None), *place)] = values.abs().max()
    return added


def test_a_dynamic_file_is_run_at_another_size_and_batch(pose, tmp_path):
    checked(tmp_path, pose, dynamic=True)

    class Fixed(torch.nn.Module):
        """A graph that has baked in how many anchor points there are."""

        def __init__(self, graph):
            super().__init__()
            self.graph = graph

        def forward(self, images):
            return (self.graph(images)[0][:, :, :252].reshape(-1, 57, 252),)

    settings = ExportSettings(format="torchscript", imgsz=SIZE, dynamic=True)
    deployed = pose.deployed(settings, FORMATS["torchscript"].dialect)
    path = tmp_path / "m.torchscript"
    write_torchscript(replace(deployed, module=Fixed(deployed.module)), settings, path, ())
    write_texts(path, deployed.facts.to_texts())
    with pytest.raises(ExportError, match="3 pictures of 128x192 pixels"):
        check_file(path, pose, pose.deployed(settings, FORMATS["torchscript"].dialect), settings)


@pytest.mark.parametrize("size", [(640, 640), (320, 352), (352, 320), (96, 96), (96, 128), (384, 640)])
@pytest.mark.parametrize("may_grow", [True, False])
def test_the_second_size_has_other_sides_another_area_and_is_not_square(size, may_grow):
    height, width = second_size(size, 32, may_grow=may_grow)
    assert height % 32 == width % 32 == 0
    assert min(height, width) >= 32
    assert height != width
    assert height * width != size[0] * size[1]
    assert (height > size[0]) == (width > size[1]) == may_grow


def test_facts_that_are_not_those_of_the_network_are_refused(pose, tmp_path):
    settings = ExportSettings(format="torchscript", imgsz=SIZE)
    deployed = pose.deployed(settings, FORMATS["torchscript"].dialect)
    path = tmp_path / "m.torchscript"
    write_torchscript(deployed, settings, path, ())
    write_texts(path, replace(deployed.facts, names={0: "b", 1: "a"}).to_texts())
    with pytest.raises(ExportError, match="what the file says of itself is not what was written into it"):
        check_file(path, pose, deployed, settings)


def test_a_file_that_cannot_be_opened_or_run_is_told(pose, tmp_path):
    settings = ExportSettings(format="torchscript", imgsz=SIZE)
    deployed = pose.deployed(settings, FORMATS["torchscript"].dialect)
    path = tmp_path / "m.torchscript"
    path.write_bytes(b"no program")
    write_texts(path, deployed.facts.to_texts())
    with pytest.raises(ExportError, match=r"m\.torchscript"):
        check_file(path, pose, deployed, settings)


def test_a_format_that_does_not_run_here_is_written_unchecked_with_a_warning(pose, tmp_path, caplog):
    settings = ExportSettings(format="tfjs", imgsz=SIZE)
    deployed = pose.deployed(settings, FORMATS["tfjs"].dialect)
    path = tmp_path / "m_web_model"
    path.mkdir()
    write_texts(path, deployed.facts.to_texts())
    assert check_file(path, pose, deployed, settings) is None
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == "tfjs: written unchecked: posekit does not run files of this format"


def test_queries_are_compared_and_named(tmp_path):
    network = small_rfdetr_model()
    assert checked(tmp_path, network, imgsz=None).largest["boxes"] < 0.01

    def move(outputs):
        return (outputs[0], outputs[1], outputs[2] + one_point(outputs[2]))

    def one_point(points):
        added = torch.zeros_like(points)
        added[:, :, 3, 0] = 0.05
        return added

    with pytest.raises(ExportError, match=r"keypoint 3 \(left_ear\) is 3\.2 px off"):
        checked(tmp_path, network, move, imgsz=None)


# What follows compares values that stand here.


def facts_of(network, **values):
    settings = ExportSettings(format="torchscript", **values)
    return network.deployed(settings, FORMATS["torchscript"].dialect).facts


def some_rows(count=40):
    generator = torch.Generator().manual_seed(1)
    corner = torch.rand(count, 2, generator=generator) * 300
    boxes = torch.cat((corner, corner + 30), 1)
    return Rows(boxes=boxes, scores=torch.linspace(0.9, 0.3, count), classes=torch.arange(count) % 2)


@pytest.fixture(scope="module")
def row_facts(pose):
    return facts_of(pose, imgsz=320, nms=True)


def test_rows_on_the_brink_may_be_missing(row_facts):
    rows = some_rows()
    differences = Differences(row_facts, LIMITS[32])
    near = replace(rows, scores=rows.scores.clone())
    near.scores[-1] = 0.251
    differences.found(near, near.take(slice(39)), conf=0.25, max_det=300)
    with pytest.raises(ExportError, match="is missing"):
        differences.found(rows, rows.take(slice(39)), conf=0.25, max_det=300)
    differences.found(rows, rows.take(slice(39)), conf=0.25, max_det=40)  # the last of a full list
    beside = replace(rows, boxes=rows.boxes.clone(), classes=rows.classes.clone())
    beside.boxes[39], beside.classes[39] = rows.boxes[0] + torch.tensor([0.0, 0, 12.7, 0]), 0  # IoU 0.70 with the best
    differences.found(beside, beside.take(slice(39)), conf=0.25, max_det=300)


def test_boxes_without_area_have_counterparts(row_facts):
    rows = some_rows(3)
    points = replace(rows, boxes=rows.boxes[:, [0, 1, 0, 1]])
    differences = Differences(row_facts, LIMITS[32])
    differences.rows(points, points, 20)
    assert differences.moved == 0


def queries(count=300):
    generator = torch.Generator().manual_seed(2)
    return {
        "dets": torch.rand(count, 4, generator=generator),
        "labels": torch.rand(count, 2, generator=generator) - 3,
        "keypoints": torch.rand(count, 17, 3, generator=generator),
    }


def test_few_queries_may_have_been_given_to_another_cell():
    facts = facts_of(small_rfdetr_model())
    own, differences = queries(), Differences(facts, LIMITS[32])
    swapped = torch.arange(300)
    swapped[100:103] = torch.tensor([102, 100, 101])
    other = {name: value[swapped] for name, value in own.items()}
    differences.queries(own, other, (64, 64), 20)
    assert (differences.moved, differences.ranks) == (3, 300)
    turned = {name: value.flip(0) for name, value in own.items()}
    with pytest.raises(ExportError, match=r"29\d of 300 queries are far off, the first of them query 0"):
        Differences(facts, LIMITS[32]).queries(own, turned, (64, 64), 20)
    wrong = own | {"dets": own["dets"].flip(0)}
    for limits in (LIMITS[32], LIMITS[16]):
        with pytest.raises(ExportError, match="the box of class"):  # boxes alone are no other cell
            Differences(facts, limits).queries(own, wrong, (64, 64), 20)


def test_an_average_precision_that_falls_is_an_error(tmp_path, caplog):
    network = open_model(str(packaged_weights("figures-pose.pt"))).loaded
    data = str(write_yolo_dataset(tmp_path / "data", train=1, val=4, seed=0))
    with caplog.at_level(logging.INFO, "posekit"):
        checked(tmp_path, network, imgsz=160, data=data, precision=8)
    assert "AP of" in caplog.text
    with pytest.raises(ExportError, match=r"loses more than 0\.02"):
        checked(tmp_path, network, shifted((slice(None), 0), 5.0), imgsz=160, data=data, precision=8)


def test_data_without_pictures_to_validate_on_leaves_the_average_precision_out(tmp_path, caplog):
    network = open_model(str(packaged_weights("figures-pose.pt"))).loaded
    data = write_yolo_dataset(tmp_path / "data", train=1, val=1, seed=0)
    data.write_text("".join(line for line in data.read_text().splitlines(keepends=True) if not line.startswith("val")))
    checked(tmp_path, network, imgsz=160, data=str(data))
    assert "the average precision is not compared" in caplog.text
