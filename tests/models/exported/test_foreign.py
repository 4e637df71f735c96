"""Files of other programs run by what they say of themselves, by their shapes, and by what is written beside them."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from posekit import YOLO
from posekit.config.settings import ExportSettings
from posekit.errors import CheckpointError
from posekit.models.exported.facts import RECORD, Dialect
from posekit.models.exported.foreign import DEEPEST, LONGEST_TEXT
from posekit.models.exported.metadata import read_texts
from posekit.models.exported.open import open_exported

pytestmark = pytest.mark.filterwarnings("ignore")  # of exporters
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

KEYS = {
    "task": "pose",
    "names": "{0: 'person'}",
    "kpt_shape": "[17, 3]",
    "stride": "32",
    "imgsz": "[96, 128]",
    "batch": "1",
    "args": "{'batch': 1, 'half': False, 'int8': False}",
    "license": "Apache-2.0",
    "date": "2026-01-01T00:00:00",
}


def graph(path, *, inputs=((1, 3, 96, 128),), outputs=((1, 56, 252),), texts=(), scale=1.0):
    """Write an ONNX file of constant outputs: value = anchor number times `scale`, the same on every channel."""
    make = onnx.helper.make_tensor_value_info
    values = [scale * np.broadcast_to(np.arange(shape[-1], dtype=np.float32), shape) for shape in outputs]
    nodes = [
        onnx.helper.make_node("Constant", [], [f"output{i}"], value=onnx.numpy_helper.from_array(np.array(value)))
        for i, value in enumerate(values)
    ]
    made = onnx.helper.make_graph(
        nodes, "g",
        [make(f"images{i}" if i else "images", onnx.TensorProto.FLOAT, shape) for i, shape in enumerate(inputs)],
        [make(f"output{i}", onnx.TensorProto.FLOAT, shape) for i, shape in enumerate(outputs)],
    )  # fmt: skip
    model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=10)
    onnx.helper.set_model_props(model, dict(texts))
    onnx.save(model, str(path))
    return path


def with_texts(source, target, texts):
    """Copy an ONNX file or a TorchScript program with other texts in it."""
    if target.suffix == ".torchscript":
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
            for member in old.infolist():
                if member.filename.endswith("config.txt"):
                    new.writestr(member.filename, json.dumps(texts))
                else:
                    new.writestr(member, old.read(member))
        return target
    model = onnx.load(str(source))
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(texts))
    onnx.save(model, str(target))
    return target


@pytest.fixture(scope="module")
def exported(weights, tmp_path_factory):
    """Return a function that exports a small network; each is written once."""
    made = {}

    def export(name="yolov8n-pose", *, nc=1, kpt_shape=(17, 3), form="onnx", **settings):
        key = (name, nc, kpt_shape, form, tuple(settings.items()))
        if key not in made:
            own = tmp_path_factory.mktemp("exported") / "small.pt"
            shutil.copy(weights(name, nc=nc, kpt_shape=kpt_shape), own)
            made[key] = YOLO(own).export(**{"format": form, "imgsz": [96, 128], "check": False, **settings})
        return made[key]

    return export


def same(one, other):
    """Tell whether two files find the same on a picture."""
    picture = np.random.default_rng(0).integers(0, 255, (90, 128, 3), np.uint8)
    first, second = (YOLO(str(path))(picture, conf=0.01, verbose=False)[0] for path in (one, other))
    assert len(first) > 0
    assert torch.equal(first.boxes.data, second.boxes.data)
    for part in ("keypoints", "masks"):
        if getattr(first, part) is not None:
            assert torch.equal(getattr(first, part).data, getattr(second, part).data)
    return True


def test_the_keys_that_other_exporters_write_are_enough(exported, tmp_path):
    foreign = with_texts(exported(), tmp_path / "other.onnx", KEYS)
    facts = open_exported(foreign).facts
    assert (facts.task, facts.names, facts.schema.shape, facts.stride) == ("pose", {0: "person"}, (17, 3), 32)
    assert (facts.layout, facts.selection, facts.unit, facts.version) == ("dense", "suppress", "pixels", "")
    assert facts.license == "Apache-2.0"
    assert facts.schema.flip_idx is not None  # 17 points are COCO's person, as in weight files
    assert same(exported(), foreign)


def test_names_of_points_and_limbs_are_taken_over(exported, tmp_path):
    points = [f"left_{index}" if index % 2 else f"right_{index - index % 2 + 1}" for index in range(4)]
    texts = KEYS | {"kpt_shape": "[4, 3]", "kpt_names": str({0: points}), "skeleton": "[[0, 1], [2, 3]]"}
    own = exported(kpt_shape=(4, 3), form="torchscript")
    schema = open_exported(with_texts(own, tmp_path / "a.torchscript", texts)).schema
    assert schema.names == tuple(points)
    assert schema.skeleton == ((0, 1), (2, 3))
    by_json = texts | {"kpt_names": json.dumps({"0": points}), "names": '{"0": "dog"}'}
    opened = open_exported(with_texts(own, tmp_path / "b.torchscript", by_json))
    assert (opened.schema.names, opened.names) == (tuple(points), {0: "dog"})


@pytest.mark.parametrize(
    ("name", "nc", "shape"),
    [("yolov8n", 3, None), ("yolov8n-seg", 2, None), ("yolov8n-multitask", 1, (17, 3)), ("yolov8n-pose", 2, (5, 2))],
)
def test_files_of_every_task_run_without_our_record(exported, tmp_path, name, nc, shape):
    own = exported(name, nc=nc, form="torchscript", **({"kpt_shape": shape} if shape else {}))
    task = YOLO(own).task
    names = str({index: f"class {index}" for index in range(nc)})
    texts = {"task": task, "names": names, "imgsz": "[96, 128]"}
    if shape:
        texts["kpt_shape"] = str(list(shape))
    foreign = with_texts(own, tmp_path / "other.torchscript", texts)
    assert open_exported(foreign).facts.masks == (32 if task in ("segment", "multitask") else 0)
    assert same(own, foreign)


def test_rows_are_told_from_dense_outputs(exported, tmp_path):
    own = exported(form="torchscript", nms=True, conf=0.001)
    foreign = with_texts(own, tmp_path / "rows.torchscript", KEYS)
    facts = open_exported(foreign).facts
    assert (facts.layout, facts.selection, facts.max_det, facts.unit) == ("rows", "none", 300, "pixels")
    assert same(own, foreign)


def test_free_sizes_stay_free(tmp_path):
    free = {"inputs": (("b", 3, "h", "w"),), "outputs": ((1, 56, 252),)}
    facts = open_exported(graph(tmp_path / "free.onnx", texts=KEYS, **free)).facts
    assert (facts.dynamic, facts.imgsz, facts.stride) == (True, (96, 128), 32)
    for missing in ("stride", "imgsz"):
        texts = {key: value for key, value in KEYS.items() if key != missing}
        with pytest.raises(CheckpointError, match=f"does not say its {missing}"):
            open_exported(graph(tmp_path / "gap.onnx", texts=texts, **free))


def test_what_is_free_in_part_runs_at_one_size_and_one_picture_at_a_time(tmp_path):
    for shape in (("b", 3, 96, 128), (1, 3, "h", "w")):
        facts = open_exported(graph(tmp_path / "part.onnx", texts=KEYS, inputs=(shape,))).facts
        assert (facts.dynamic, facts.batch, facts.imgsz) == (False, 1, (96, 128))


@pytest.mark.parametrize(("scale", "unit"), [(0.5, "pixels"), (0.004, "fractions")])
def test_pixels_are_told_from_fractions_by_running(tmp_path, scale, unit):
    assert open_exported(graph(tmp_path / "x.onnx", texts=KEYS, scale=scale)).facts.unit == unit


def test_fractions_come_out_as_pixels(exported, tmp_path):
    model = onnx.load(str(exported()))
    output = model.graph.output[0].name
    shares = np.ones((1, 56, 1), np.float32)
    shares[0, 0:4:2] = shares[0, 5::3] = 1 / 128
    shares[0, 1:4:2] = shares[0, 6::3] = 1 / 96
    for node in model.graph.node:
        node.output[:] = ["whole" if name == output else name for name in node.output]
    model.graph.initializer.append(onnx.numpy_helper.from_array(shares, "shares"))
    model.graph.node.append(onnx.helper.make_node("Mul", ["whole", "shares"], [output]))
    onnx.save(model, str(tmp_path / "small.onnx"))
    foreign = with_texts(tmp_path / "small.onnx", tmp_path / "fractions.onnx", KEYS)
    assert open_exported(foreign).facts.unit == "fractions"
    picture = np.random.default_rng(0).integers(0, 255, (90, 128, 3), np.uint8)
    first, second = (YOLO(str(path))(picture, conf=0.01, verbose=False)[0] for path in (exported(), foreign))
    assert (first.keypoints.data - second.keypoints.data).abs().max() < 1e-3
    assert (first.boxes.data - second.boxes.data).abs().max() < 1e-3


def test_a_note_beside_the_file_tells_what_it_does_not_say(exported, tmp_path):
    foreign = with_texts(exported(), tmp_path / "bare.onnx", {})
    (tmp_path / "bare.onnx.yaml").write_text("{task: pose, names: [person], kpt_shape: [17, 3]}")
    assert same(exported(), foreign)
    (tmp_path / "bare.onnx.yaml").write_text("names: [person]\nkpt_shape: [17, 3]\n")
    with pytest.raises(CheckpointError, match="does not say its task:"):
        open_exported(foreign)
    assert YOLO(str(foreign), task="pose").task == "pose"


@pytest.mark.parametrize(
    ("note", "message"),
    [
        ("task: pose\nnmes: [a]", "nmes is none of task, names"),
        ("[1, 2]", "no table of facts"),
        ("task: pose\nunit: metres", "unit: metres is none of pixels, fractions"),
        ("task: pose\nnames: [a]\nkpt_shape: [17]", "kpt_shape"),
        ("task: pose\nnames: {1: a}\nkpt_shape: [17, 3]", "numbers from 0"),
        ("task: pose\nnames: [a]\nkpt_shape: [17, 3]\nimgsz: wide", "imgsz='wide' is no input size"),
        ("task: obb\nnames: [a]\nkpt_shape: [17, 3]", "task='obb', which is none of"),
        ("task: [pose]\nnames: [a]\nkpt_shape: [17, 3]", "none of"),
        ("task: pose\nnames: [a]\nkpt_shape: [17, 3]\nstride: 0", "stride=0 is no number of pixels"),
    ],
)
def test_a_note_that_makes_no_sense_is_refused_in_one_line(exported, tmp_path, note, message):
    foreign = with_texts(exported(), tmp_path / "bare.onnx", {})
    (tmp_path / "bare.onnx.yaml").write_text(note)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_exported(foreign)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (("task",), "its task: "),
        (("names",), "its names: "),
        (("kpt_shape",), "its kpt_shape: "),
        (("task", "names", "kpt_shape"), r"its task, names and kpt_shape \(for poses\): "),
    ],
)
def test_what_is_missing_is_named(exported, tmp_path, gone, said):
    texts = {key: value for key, value in KEYS.items() if key not in gone}
    with pytest.raises(CheckpointError, match=said) as caught:
        open_exported(with_texts(exported(), tmp_path / "gap.onnx", texts))
    assert "gap.onnx.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["torchscript", "openvino"])
def test_stripped_files_of_other_formats_name_what_is_missing_and_run_with_a_note(exported, tmp_path, form):
    if form == "openvino":
        pytest.importorskip("openvino")
    own = exported(form=form)
    if form == "openvino":
        foreign = shutil.copytree(own, tmp_path / "bare_openvino_model")
        (foreign / "metadata.yaml").unlink()
    else:
        foreign = with_texts(own, tmp_path / "bare.torchscript", {})
    assert read_texts(foreign) == {}
    with pytest.raises(CheckpointError, match="does not say its task, names and kpt_shape"):
        open_exported(foreign)
    note = foreign.with_name(f"{foreign.name}.yaml")
    note.write_text("{task: pose, names: [person], kpt_shape: [17, 3], imgsz: [96, 128]}")
    assert same(own, foreign)


def test_litert_files_say_what_they_are_by_a_zipped_table_or_a_note(exported, tmp_path):
    pytest.importorskip("litert_torch")
    own = exported(form="tflite")
    with zipfile.ZipFile(own) as archive:
        start = min(member.header_offset for member in archive.infolist())
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(Path(own).read_bytes()[:start])
    assert read_texts(bare) == {}
    with pytest.raises(CheckpointError, match="does not say its task, names and kpt_shape"):
        open_exported(bare)
    with pytest.raises(CheckpointError, match="does not say its names and kpt_shape"):
        open_exported(bare, "pose")
    (tmp_path / "bare.tflite.yaml").write_text("{task: pose, names: [person], kpt_shape: [17, 3]}")
    assert same(own, bare)
    told = shutil.copy(bare, tmp_path / "told.tflite")
    with zipfile.ZipFile(told, "a") as archive:
        archive.writestr("facts.txt", str({"task": "pose", "names": {0: "person"}, "kpt_shape": [17, 3]}))
    assert same(own, told)


def test_litert_files_with_channels_last_give_the_same_masks(weights, tmp_path):
    pytest.importorskip("litert_torch")
    import litert_torch

    model = YOLO(weights("yolov8n-seg", nc=2))
    graph = model.loaded.deployed(ExportSettings(format="onnx", imgsz=(96, 128)), Dialect()).module
    last = litert_torch.to_channel_last_io(graph, args=[0], outputs=[1]).eval()
    litert_torch.convert(last, (torch.zeros(1, 96, 128, 3),)).export(str(tmp_path / "last.tflite"))
    (tmp_path / "last.tflite.yaml").write_text("{task: segment, names: [one, two]}")
    opened = open_exported(tmp_path / "last.tflite")
    assert (opened.facts.masks, opened.facts.unit, opened.facts.imgsz) == (32, "pixels", (96, 128))
    picture = np.random.default_rng(0).integers(0, 255, (90, 128, 3), np.uint8)
    settings = {"conf": 0.01, "imgsz": (96, 128), "rect": False, "verbose": False}
    first, second = (YOLO(one)(picture, **settings)[0] for one in (model, str(tmp_path / "last.tflite")))
    assert len(first) == len(second) > 0
    assert (first.boxes.data - second.boxes.data).abs().max() < 1e-3
    assert (first.masks.data != second.masks.data).float().mean() < 1e-3


def test_our_own_record_counts_before_anything_beside_the_file(exported, tmp_path):
    own = shutil.copy(exported(), tmp_path / "own.onnx")
    (tmp_path / "own.onnx.yaml").write_text("task: detect")
    assert RECORD in read_texts(tmp_path / "own.onnx")
    assert open_exported(tmp_path / "own.onnx", "detect").task == YOLO(own).task == "pose"


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"outputs": ((1, 57, 252),)}, r"\[1, 57, 252\].* has \[B, 56, anchors\] or \[B, rows, 57\]"),
        ({"outputs": ((1, 252, 56),)}, "reads no such layout"),
        ({"outputs": ((1, 56, 100),)}, "has 100 predictions for inputs of"),
        ({"outputs": ((1, 4, 252), (1, 1, 252), (1, 51, 252))}, "export it again with decoded outputs"),
        ({"outputs": ((1, 56, 252), (1, 32, 24, 32))}, "export it again with decoded outputs"),
        ({"inputs": ((1, 1, 96, 128),)}, r"pictures \[B, 3, H, W\] alone"),
        ({"inputs": ((1, 3, 96, 128), (1, 2))}, r"pictures \[B, 3, H, W\] alone"),
        ({"inputs": ((1, 96, 128, 3),)}, r"floats \[B, 3, H, W\] only"),
        ({"inputs": ((1, 3, 64, 64),)}, r"says imgsz=\[96, 128\], but has inputs of \[64, 64\]"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_in_one_line(tmp_path, shapes, message):
    path = graph(tmp_path / "x.onnx", texts=KEYS, **shapes)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_exported(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"names": "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1)}, "nested 17 levels"),
        ({"names": "x" * (LONGEST_TEXT + 1)}, "a text of 1,000,001 characters"),
        ({"names": "__import__('os').system('true')"}, "names must be a list"),
        ({"kpt_shape": "[17, 4]"}, "keypoints of the file make no sense"),
        ({"kpt_shape": "'17'"}, "keypoints of the file make no sense"),
        ({"imgsz": "[0, 128]"}, "no input size"),
        ({"task": "obb"}, "task='obb', which is none of"),
    ],
)
def test_texts_are_read_as_plain_values_within_bounds(tmp_path, texts, message):
    with pytest.raises(CheckpointError, match=message):
        open_exported(graph(tmp_path / "x.onnx", texts=KEYS | texts))
