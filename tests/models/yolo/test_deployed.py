"""Graphs of YOLO for files: shapes as documented, and rows that are exactly what posekit chooses outside of a graph."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from golden.fill import image
from posekit.config.settings import ExportSettings
from posekit.models.exported.facts import Dialect
from posekit.models.yolo.decode import rank_end2end
from posekit.models.yolo.deployed import LONGEST_CHAIN, surviving
from posekit.models.yolo.family import LoadedModel
from posekit.ops.boxes import xywh_to_xyxy, xyxy_to_xywh
from posekit.ops.nms import Candidates, Suppression, filter_ranked, select_candidates, suppress
from posekit.schema.schema import KeypointSchema
from small_networks import small_network

SIZE = (96, 128)
ANCHORS = 12 * 16 + 6 * 8 + 3 * 4
NOT_SLOW = settings(suppress_health_check=[HealthCheck.too_slow])


def network_of(name, *, nc=1, kpt_shape=(17, 3), schema=None):
    points = "pose" in name or "multitask" in name
    schema = schema or (KeypointSchema(shape=kpt_shape) if points else None)
    return LoadedModel(network=small_network(name, nc=nc, kpt_shape=kpt_shape), schema=schema)


def graph_of(model, *, dialect=None, **values):
    return model.deployed(ExportSettings(**{"format": "onnx", "imgsz": SIZE} | values), dialect or Dialect())


def pictures(count=2):
    drawn = torch.stack([torch.from_numpy(image(*SIZE, number)) for number in range(count)])
    return drawn.permute(0, 3, 1, 2).float() / 255


def run(deployed, images=None):
    with torch.no_grad():
        outputs = deployed.module(pictures() if images is None else images)
    assert len(outputs) == len(deployed.facts.outputs)
    return outputs


# Suppression by products.


@st.composite
def boxes(draw, most=LONGEST_CHAIN):
    """Boxes (n, 4) with whole corners, close to each other, and their classes (n,)."""
    count = draw(st.integers(0, most))
    numbers = st.integers(0, 12)
    rows = draw(
        st.lists(st.tuples(numbers, numbers, numbers, numbers, st.integers(0, 2)), min_size=count, max_size=count)
    )
    corners = torch.tensor([[x, y, x + w, y + h] for x, y, w, h, _ in rows], dtype=torch.float32).reshape(-1, 4)
    return corners, torch.tensor([row[4] for row in rows], dtype=torch.int64)


def kept_by_posekit(corners, classes, above, *, iou, agnostic):
    rows = above.nonzero()[:, 0]
    candidates = Candidates(anchors=rows, classes=classes[rows], scores=torch.linspace(1, 0.3, len(rows)))
    rule = Suppression(iou=iou, agnostic=agnostic, max_det=len(corners) + 1)
    return rows[suppress(corners[rows], candidates, rule)].tolist()


@NOT_SLOW
@given(boxes(), st.sampled_from([0.0, 0.25, 0.45, 0.7, 1.0]), st.booleans(), st.integers(0, LONGEST_CHAIN))
def test_boxes_that_survive_are_those_that_greedy_suppression_keeps(drawn, iou, agnostic, count):
    corners, classes = drawn
    above = (torch.arange(len(corners)) < count).float()
    alive = surviving(
        xyxy_to_xywh(corners)[None], classes[None].float(), above[None], SimpleNamespace(iou=iou, agnostic=agnostic)
    )
    expected = kept_by_posekit(corners, classes, above, iou=iou, agnostic=agnostic)
    assert alive[0].nonzero()[:, 0].tolist() == expected


@pytest.mark.parametrize("agnostic", [False, True])
def test_hundreds_of_boxes_in_crowds_survive_alike(agnostic):
    generator = torch.Generator().manual_seed(3)
    centre = torch.randint(0, 40, (600, 2), generator=generator).float() * 7
    corners = torch.cat((centre, centre + torch.randint(20, 60, (600, 2), generator=generator)), 1)
    classes = torch.randint(0, 3, (600,), generator=generator)
    rule = SimpleNamespace(iou=0.5, agnostic=agnostic)
    alive = surviving(xyxy_to_xywh(corners)[None], classes[None].float(), torch.ones(1, 600), rule)
    expected = kept_by_posekit(corners, classes, torch.ones(600), iou=0.5, agnostic=agnostic)
    assert 100 < len(expected) < 550
    assert alive[0].nonzero()[:, 0].tolist() == expected


def test_pictures_of_a_batch_do_not_suppress_each_other():
    one = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [30, 30, 40, 40]])
    stacked = xyxy_to_xywh(torch.stack((one, one.flip(0))))
    alive = surviving(stacked, torch.zeros(2, 3), torch.ones(2, 3), SimpleNamespace(iou=0.5, agnostic=False))
    assert alive.tolist() == [[1, 0, 1], [1, 1, 0]]


# Whole graphs.


@pytest.mark.parametrize("nc", [1, 2, 3])
@pytest.mark.parametrize("kpt_shape", [(1, 3), (2, 2), (5, 3), (17, 2), (17, 3), (136, 3)])
def test_channels_are_box_scores_and_the_values_of_all_points(nc, kpt_shape):
    deployed = graph_of(network_of("yolov8n-pose", nc=nc, kpt_shape=kpt_shape))
    (output,) = run(deployed)
    assert output.shape == (2, 4 + nc + kpt_shape[0] * kpt_shape[1], ANCHORS)
    assert output.dtype == torch.float32
    assert 0 <= output[:, 4 : 4 + nc].min() <= output[:, 4 : 4 + nc].max() <= 1
    facts = deployed.facts
    assert (facts.layout, facts.unit, facts.schema.shape, len(facts.names)) == ("dense", "pixels", kpt_shape, nc)


@pytest.mark.parametrize("name", ["yolov8n", "yolo11n-seg", "yolo11n-multitask", "yolo26n-pose"])
def test_split_outputs_are_the_dense_ones_as_fractions(name):
    model = network_of(name, nc=2)
    dense = run(graph_of(model, dialect=Dialect(ranking=False)))
    split = graph_of(model, dialect=Dialect(split=True, ranking=False))
    parts = dict(zip(split.facts.outputs, run(split), strict=True))
    corner = torch.tensor([128.0, 96, 128, 96])[:, None]
    rows = [parts["boxes"] * corner, parts["scores"]]
    if "points" in parts:
        points = parts["points"].reshape(2, 17, 2, ANCHORS) * corner[:2]
        rows.append(torch.cat((points, parts["confidences"][:, :, None]), 2).flatten(1, 2))
    rows += [parts["coefficients"]] if "coefficients" in parts else []
    torch.testing.assert_close(torch.cat(rows, 1), dense[0], rtol=1e-6, atol=1e-4)
    if "prototypes" in parts:
        assert torch.equal(parts["prototypes"], dense[1])
    assert split.facts.unit == "fractions"


@pytest.mark.parametrize("kpt_shape", [(1, 3), (2, 2), (5, 2), (17, 3)])
@pytest.mark.parametrize("agnostic", [False, True])
def test_rows_of_suppression_are_what_posekit_chooses_of_all_predictions(kpt_shape, agnostic):
    model = network_of("yolov8n-pose", nc=3, kpt_shape=kpt_shape)
    (dense,) = run(graph_of(model))
    values = {"conf": 0.2, "iou": 0.3, "max_det": 20}
    deployed = graph_of(model, nms=True, agnostic_nms=agnostic, **values)
    (rows,) = run(deployed)
    width = kpt_shape[0] * kpt_shape[1]
    assert rows.shape == (2, 20, 6 + width)
    rule = Suppression(agnostic=agnostic, **values)
    for picture, found in zip(dense, rows, strict=True):
        candidates = select_candidates(picture[4:7], rule)
        corners = xywh_to_xyxy(picture[:4, candidates.anchors].T)
        best = candidates.take(suppress(corners, candidates, rule))
        count = len(best)
        assert 0 < count < len(candidates)
        expected = picture[:, best.anchors].T
        torch.testing.assert_close(found[:count, :4], xywh_to_xyxy(expected[:, :4]), rtol=0, atol=1e-4)
        assert torch.equal(found[:count, 4], best.scores)
        assert found[:count, 5].tolist() == best.classes.tolist()
        torch.testing.assert_close(found[:count, 6:], expected[:, 7:], rtol=0, atol=1e-4)
        assert not found[count:].any()
    assert (deployed.facts.layout, deployed.facts.selection, deployed.facts.iou) == ("rows", "none", 0.3)


@pytest.mark.parametrize("nc", [1, 3])
@pytest.mark.parametrize("max_det", [5, 300])
def test_rows_of_one_to_one_branches_are_ranked_as_posekit_ranks(nc, max_det):
    model = network_of("yolo26n-pose", nc=nc, kpt_shape=(5, 2))
    (dense,) = run(graph_of(model, dialect=Dialect(ranking=False)))
    deployed = graph_of(model, conf=0.1, max_det=max_det)
    (rows,) = run(deployed)
    assert rows.shape == (2, max_det, 6 + 10)
    for picture, found in zip(dense, rows, strict=True):
        top, classes, anchors = (part[0] for part in rank_end2end(picture[None, 4 : 4 + nc], 300, agnostic=False))
        chosen = filter_ranked(top, classes, Suppression(conf=0.1, max_det=max_det))
        count = len(chosen)
        assert count > 0
        assert torch.equal(found[:count, 4], top[chosen])
        assert found[:count, 5].tolist() == classes[chosen].tolist()
        expected = picture[:, anchors[chosen]].T
        torch.testing.assert_close(found[:count, :4], xywh_to_xyxy(expected[:, :4]), rtol=0, atol=1e-4)
        torch.testing.assert_close(found[:count, 6:], expected[:, 4 + nc :], rtol=0, atol=1e-4)
        assert not found[count:].any()
    assert deployed.facts.iou is None


@pytest.mark.parametrize("name", ["yolov8n-pose", "yolo26n-pose"])
def test_a_picture_in_which_nothing_is_found_gives_rows_of_zeros(name):
    (rows,) = run(graph_of(network_of(name), nms="v8" in name or None, conf=0.999))
    assert rows.shape == (2, 300, 57)
    assert not rows.any()


def test_points_that_a_class_lacks_are_zero():
    schema = KeypointSchema(shape=(5, 3), classes=(1, 2), class_points=(5, 2))
    model = network_of("yolov8n-pose", nc=3, kpt_shape=(5, 3), schema=schema)
    (rows,) = run(graph_of(model, nms=True, conf=0.05, iou=0.9), pictures(4))
    found = rows[rows[..., 4] > 0]
    points = found[:, 6:].reshape(-1, 5, 3)
    seen = set(found[:, 5].tolist())
    assert {0.0} < seen
    for label, count in ((0, 0), (1, 5), (2, 2)):
        own = points[found[:, 5] == label]
        assert not own[:, count:].any()
        assert own[:, :count].all()


def test_masks_come_with_their_rows():
    model = network_of("yolo11n-multitask", nc=2)
    dense, protos = run(graph_of(model))
    rows, same = run(graph_of(model, nms=True, conf=0.2))
    assert torch.equal(protos, same)
    assert rows.shape == (2, 300, 6 + 51 + 32)
    anchor = int((dense[0, 4:6].amax(0) == rows[0, 0, 4]).nonzero()[0, 0])
    torch.testing.assert_close(rows[0, 0, -32:], dense[0, -32:, anchor])


@pytest.mark.parametrize("values", [{}, {"nms": True}])
def test_dynamic_graphs_take_other_sizes_and_batches(values):
    deployed = graph_of(network_of("yolov8n-pose", nc=2), dynamic=True, conf=0.1, **values)
    small = pictures(3)[:, :, :64, :96]
    (together,) = run(deployed, small)
    for index in range(3):
        (alone,) = run(deployed, small[index : index + 1])
        torch.testing.assert_close(together[index], alone[0], rtol=1e-4, atol=1e-3)


def test_16_bits_compute_in_them_and_give_32():
    model = network_of("yolov8n-pose")
    deployed = graph_of(model, precision=16)
    assert {value.dtype for value in deployed.module.parameters()} == {torch.float16}
    (half,), (whole,) = run(deployed), run(graph_of(model))
    assert half.dtype == torch.float32
    confident = whole[:, 4] > 0.2
    assert confident.any()
    difference = (half - whole).abs().amax(1)[confident]
    assert 0 < difference.max() < 2


def test_a_graph_shares_nothing_with_its_network():
    model = network_of("yolo26n-pose")
    deployed = graph_of(model)
    own = {value.data_ptr() for value in model.network.state_dict().values()}
    assert own.isdisjoint(value.data_ptr() for value in deployed.module.state_dict().values())
    assert not any(value.requires_grad for value in deployed.module.parameters())
    assert not any(module.training for module in deployed.module.modules())
