"""Graphs of RF-DETR networks for files: they say what the network says, whatever a format can hold."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.config.settings import ExportSettings, PredictSettings
from posekit.errors import SettingError
from posekit.export.export import export_network
from posekit.models.exported.facts import Dialect
from posekit.models.exported.model import ExportedModel
from posekit.models.exported.open import open_exported
from posekit.models.rfdetr.architecture import KeypointSlots, Layout
from posekit.models.rfdetr.decoder import DeformableAttention, Memory, embed_boxes
from posekit.models.rfdetr.model import RFDETRModel
from posekit.models.rfdetr.rewritten import FlatWaves, Ranking, SampledAttention, TentAttention
from posekit.sample import Batch
from posekit.schema.schema import KeypointSchema
from small_exports import pictures
from small_rfdetr import SMALLEST, small_preview, small_preview_model, small_rfdetr

DIALECTS = [
    Dialect(sampling=sampling, ranking=ranking, five_axes=five_axes)
    for sampling, ranking, five_axes in product((True, False), repeat=3)
]
CLOSE = 1e-5
SIZE = (64, 64)
SHALLOW = replace(SMALLEST, encoder_depth=3, taps=(2, 3))  # for writers, which take their time


def pose(architecture=SMALLEST):
    """Return a network for persons of five points."""
    layout = Layout(architecture=architecture, class_rows=2, keypoints=5)
    network = small_rfdetr(architecture=architecture)
    return RFDETRModel(network=network, layout=layout, names={0: "person"}, schema=KeypointSchema.for_shape((5, 3)))


def detector():
    """Return a network without keypoints for three classes, of which the middle one has no name."""
    layout = Layout(architecture=SMALLEST, class_rows=4)
    network = small_rfdetr(class_rows=4, keypoints=0)
    return RFDETRModel(network=network, layout=layout, names={0: "cat", 2: "dog"}, schema=None)


def preview_of_two(architecture=SMALLEST):
    """Return a keypoint preview of three classes with names: with 5 keypoints, with 3, and without."""
    layout = Layout(architecture=architecture, class_rows=4, slots=KeypointSlots((0, 5, 3)))
    network = small_preview(class_rows=4, slots=(0, 5, 3), architecture=architecture)
    names = {1: "person", 2: "bird", 3: "box"}
    return RFDETRModel(network=network, layout=layout, names=names, schema=KeypointSchema.for_shape((5, 3)))


MODELS = {"pose": pose, "detector": detector, "preview": small_preview_model, "preview of two": preview_of_two}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]()


def images(count=2, size=SIZE):
    return torch.from_numpy(pictures(count, size))


def plain(model, pixels):
    """Return what the network in memory says."""
    with torch.no_grad():
        last = model.network(pixels).last
    return [part for part in (last.boxes, last.logits, last.keypoints) if part is not None]


def run(deployed, pixels):
    with torch.no_grad():
        return list(deployed.module(pixels))


def largest_difference(found, wanted):
    """Return the largest difference, relative to numbers above 1."""
    assert [part.shape for part in found] == [part.shape for part in wanted]
    parts = zip(found, wanted, strict=True)
    return max(float(((one - other).abs() / other.abs().clamp(min=1)).max()) for one, other in parts)


class Ran:
    """A session that runs the module itself."""

    provider = "PyTorch"

    def __init__(self, module):
        self.module = module

    def run(self, pixels):
        with torch.no_grad():
            return [output.numpy() for output in self.module(torch.from_numpy(pixels))]


def found_by(model, pixels, settings):
    batch = Batch(images=pixels, samples=[], letterboxes=[None] * len(pixels))
    return model.detect(model.run(batch, settings), batch, settings, "input")


# Queries ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_every_dialect_says_what_the_network_says(model, dialect):
    if model.layout.slots is not None and not dialect.five_axes:
        with pytest.raises(SettingError, match="format=ncnn does not take the keypoint preview"):
            model.deployed(ExportSettings(format="ncnn"), dialect)
        return
    pixels = images(2 if dialect.five_axes else 1)
    deployed = model.deployed(ExportSettings(format="onnx"), dialect)
    wanted = plain(model, pixels)
    assert all(part.std() > 1e-3 for part in wanted)  # nothing is compared with a constant
    assert largest_difference(run(deployed, pixels), wanted) < CLOSE


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dialect", [DIALECTS[0], DIALECTS[-1]], ids=str)
@pytest.mark.parametrize("size", [(96, 96), (32, 32), (64, 128)], ids=str)
def test_the_position_table_is_resized_beforehand_for_any_input(dialect, size):
    model = pose()
    pixels = images(1, size)
    deployed = model.deployed(ExportSettings(format="onnx", imgsz=size), dialect)
    assert deployed.facts.imgsz == size
    assert largest_difference(run(deployed, pixels), plain(model, pixels)) < CLOSE
    graph = torch.jit.trace(deployed.module, pixels, check_trace=False).inlined_graph
    assert "upsample" not in str(graph)


def test_large_maps_propose_nothing_at_their_edge():
    model = pose(replace(SMALLEST, patch_size=4, position_grid=10, resolution=208))
    pixels = images(1, (208, 208))
    for dialect in (DIALECTS[0], DIALECTS[-1]):
        deployed = model.deployed(ExportSettings(format="onnx"), dialect)
        assert largest_difference(run(deployed, pixels), plain(model, pixels)) < CLOSE


def test_a_graph_holds_one_group_of_queries_and_nothing_of_training(model):
    held = dict(model.deployed(ExportSettings(format="onnx"), Dialect()).module.named_parameters())
    tables = [held["network.query_feat.weight"], held["network.refpoint_embed.weight"]]
    assert [len(table) for table in tables] == [SMALLEST.queries] * 2
    assert not any("enc_output" in name or "mask_token" in name or "_enc." in name for name in held)
    assert not any("enc_out_keypoint_embed" in name for name in held)
    blocks = {name.split(".")[4] for name in held if name.startswith("network.backbone.0.blocks.")}
    assert len(blocks) == SMALLEST.taps[-1]


def test_the_network_in_memory_stays_as_it_was(model):
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    pixels = images()
    wanted = plain(model, pixels)
    for values in ({}, {"precision": 16}, {"nms": True}, {"imgsz": 128}):
        deployed = model.deployed(ExportSettings(format="onnx", **values), Dialect())
        for parameter in deployed.module.parameters():
            parameter.data.zero_()  # what is shared would become 0 in the network, too
    after = model.network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(torch.equal(one, other) for one, other in zip(plain(model, pixels), wanted, strict=True))
    assert all(parameter.dtype == torch.float32 for parameter in model.network.parameters())


@pytest.mark.filterwarnings("ignore")
def test_no_graph_for_lean_runtimes_has_more_than_four_axes():
    deployed = pose().deployed(ExportSettings(format="ncnn"), DIALECTS[-1])
    graph = torch.jit.trace(deployed.module, images(1), check_trace=False)
    torch._C._jit_pass_inline(graph.graph)
    kinds = {node.kind() for node in graph.graph.nodes()}
    assert not kinds & {"aten::addcmul", "aten::view_as", "aten::grid_sampler", "aten::topk", "aten::gather"}
    shapes = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            made = func(*args, **(kwargs or {}))
            shapes.extend(
                part.shape for part in (made if isinstance(made, tuple) else (made,)) if hasattr(part, "shape")
            )
            return made

    with Watch(), torch.no_grad():
        deployed.module(images(1))
    assert max(map(len, shapes)) <= 4


# Facts --------------------------------------------------------------------------------------------------------------


def test_a_file_says_what_its_outputs_are(model):
    facts = model.deployed(ExportSettings(format="onnx", dynamic=True, batch=3), Dialect()).facts
    outputs = ("dets", "labels", "keypoints") if model.schema else ("dets", "labels")
    assert (facts.layout, facts.unit, facts.selection, facts.placing) == ("queries", "fractions", "rank", "stretch")
    assert (facts.outputs, facts.stride, facts.imgsz) == (outputs, 32, (64, 64))
    assert (facts.batch, facts.dynamic, facts.any_size, facts.max_det) == (3, True, False, 9)
    assert (facts.names, facts.schema, facts.task) == (model.names, model.schema, model.task)
    assert facts.slots == (None if model.layout.slots is None else model.layout.slots.counts)


def test_sizes_are_rounded_up_and_a_warning_says_so(caplog):
    facts = pose().deployed(ExportSettings(format="onnx", imgsz=100), Dialect()).facts
    assert facts.imgsz == (128, 128)
    assert "no multiple of the stride 32: rounded up to 128" in caplog.text


@pytest.mark.parametrize(
    ("values", "dialect", "message"),
    [
        ({"nms": True}, Dialect(ranking=False), "its runtime cannot rank"),
        ({"precision": 8}, Dialect(), "int8=True is not for RF-DETR"),
    ],
)
def test_what_would_choose_other_queries_is_refused(values, dialect, message):
    with pytest.raises(SettingError, match=message):
        pose().deployed(ExportSettings(format="onnx", **values), dialect)


def test_a_file_finds_what_the_network_finds(model):
    """The background row is part of the outputs, and never reported."""
    wanted_by = PredictSettings(conf=0.01)
    pixels = images(3)
    wanted = found_by(model.ready(wanted_by, torch.device("cpu")), pixels, wanted_by)
    for values in ({}, {"nms": True, "conf": 0.01}):
        deployed = model.deployed(ExportSettings(format="onnx", dynamic=True, **values), Dialect())
        found = found_by(ExportedModel(deployed.facts, Ran(deployed.module), "small.onnx"), pixels, wanted_by)
        assert sum(map(len, wanted)) > 3
        for one, other in zip(found, wanted, strict=True):
            assert set(one.classes.tolist()) <= set(model.names)
            assert torch.equal(one.classes, other.classes)
            torch.testing.assert_close(one.scores, other.scores, atol=CLOSE, rtol=0)
            torch.testing.assert_close(one.boxes, other.boxes, atol=1e-3, rtol=0)
            if model.schema is not None:
                torch.testing.assert_close(one.keypoints, other.keypoints, atol=1e-3, rtol=0)


# Rows ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [3, 9, 40])
def test_rows_after_the_last_detection_are_zero_and_the_best_come_first(model, most):
    values = {"nms": True, "conf": 0.3, "max_det": most}
    (rows,) = run(model.deployed(ExportSettings(format="onnx", **values), Dialect()), images())
    columns = 0 if model.schema is None else model.schema.count * 3
    assert rows.shape == (2, most, 6 + columns)
    scores = rows[..., 4]
    assert (scores.diff(dim=1) <= 0).all()
    assert not ((scores > 0) & (scores <= 0.3)).any()
    assert not rows[scores == 0].any()
    assert scores.any()


# Parts --------------------------------------------------------------------------------------------------------------

numbers = st.floats(-0.75, 1.75, width=32)


@settings(max_examples=40, deadline=None)
@given(
    centres=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=6),
    side=st.floats(0, 3, width=32),
    grid=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    seed=st.integers(0, 99),
)
def test_tents_read_what_bilinear_sampling_reads_inside_and_outside_the_map(centres, side, grid, seed):
    torch.manual_seed(seed)
    trained = DeformableAttention(8, heads=2, points=3)
    boxes = torch.tensor([[*centre, side, side / 2] for centre in centres])[None].repeat(2, 1, 1)
    queries = torch.randn(2, len(centres), 8)
    memory = Memory(torch.randn(2, grid[0] * grid[1], 8), grid)
    with torch.no_grad():
        trained.sampling_offsets.weight.mul_(4)
        wanted = trained(queries, boxes, memory)
        for form in (SampledAttention, TentAttention):
            torch.testing.assert_close(form(trained, grid)(queries, boxes, memory), wanted, atol=CLOSE, rtol=0)


@settings(max_examples=40, deadline=None)
@given(
    scores=st.lists(st.sampled_from([-3.0, -1.0, -0.99999994, 0.0, 0.5, 0.50000006, 40.0]), min_size=1, max_size=12),
    share=st.floats(0, 1),
)
def test_ranks_as_matrices_choose_the_best_and_of_equal_ones_the_first(scores, share):
    count = max(round(share * len(scores)), 1)
    chosen = Ranking(len(scores), count)(torch.tensor([scores]))
    wanted = torch.tensor(scores).argsort(descending=True, stable=True)[:count]
    assert torch.equal(chosen[0], torch.nn.functional.one_hot(wanted, len(scores)).float())


def test_waves_of_boxes_are_the_same_to_the_bit():
    boxes = torch.rand(2, 7, 4)
    assert torch.equal(FlatWaves(32)(boxes), embed_boxes(boxes, 32))


# 16 bits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dialect", [Dialect(), Dialect(sampling=False), Dialect(sampling=False, ranking=False)], ids=str
)
def test_16_bits_keep_places_to_a_fraction_of_a_pixel(model, dialect):
    pixels = images()
    deployed = model.deployed(ExportSettings(format="onnx", precision=16), dialect)
    found, wanted = run(deployed, pixels), plain(model, pixels)
    assert all(part.dtype == torch.float32 for part in found)
    held = dict(deployed.module.named_parameters())
    assert {held[f"network.{name}"].dtype for name in ("backbone.0.first", "query_feat.weight")} == {torch.float16}
    assert held["network.bbox_embed.layers.0.weight"].dtype == torch.float32
    assert (found[0] - wanted[0]).abs().max() * SIZE[0] < 0.2


def test_writers_that_round_weights_themselves_can_widen_the_module():
    model, pixels = pose(), images(1)
    deployed = model.deployed(ExportSettings(format="ncnn", precision=16), DIALECTS[-1])
    with torch.no_grad():
        found = list(deployed.module.float()(pixels))
    assert (found[0] - plain(model, pixels)[0]).abs().max() < 1e-2


# Files --------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [pose, preview_of_two])
def test_a_dynamic_onnx_file_takes_any_batch_and_gives_outputs_by_name(make, tmp_path):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxslim")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = make(SHALLOW)
    made = ExportSettings(format="onnx", dynamic=True, batch=3, check=False)
    path = export_network(model, made, tmp_path / "small.pt")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["dets", "labels", "keypoints"]
    pixels = images(4)
    wanted = plain(model, pixels)
    for count in (4, 1):
        found = session.run(["dets", "labels", "keypoints"], {"images": pixels[:count].numpy()})
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, other[:count].numpy(), atol=CLOSE, rtol=0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("nms", [None, True])
def test_a_traced_program_takes_any_batch(model, nms, tmp_path):
    settings = ExportSettings(format="torchscript", dynamic=True, batch=3, nms=nms, conf=0.3, check=False)
    path = export_network(model, settings, tmp_path / "small.pt")
    program = open_exported(path).ready(PredictSettings(), torch.device("cpu")).session
    deployed = model.deployed(settings, Dialect())
    for count in (1, 3, 4):
        pixels = images(count)
        found = [torch.from_numpy(part) for part in program.run(pixels.numpy())]
        assert largest_difference(found, run(deployed, pixels)) < CLOSE
