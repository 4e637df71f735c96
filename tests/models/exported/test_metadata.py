"""What a file says of itself comes back as it was, from every format; what is missing or makes no sense is named.

The runtimes of the formats are not needed for it.
"""

import json
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posekit.errors import CheckpointError
from posekit.models.exported.facts import RECORD, Facts, of_plain, of_texts
from posekit.models.exported.metadata import LARGEST_HEADER, engine_plan, read_texts, write_texts
from posekit.models.exported.open import ENDINGS, open_exported
from posekit.schema.schema import KeypointSchema

# Drawing values takes any time on a busy machine.
FEW = settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

LETTERS = st.text(st.characters(), max_size=12)
PERSON = Facts(
    task="pose",
    names={0: "person"},
    schema=KeypointSchema.for_shape((17, 3)),
    placing="letterbox",
    stride=32,
    imgsz=(320, 640),
    layout="dense",
    selection="suppress",
    unit="pixels",
    outputs=("output0",),
)


@st.composite
def facts(draw):
    """Facts with any names, also with quotes, umlauts, line breaks and halves of letters."""
    count, dims = draw(st.integers(1, 5)), draw(st.sampled_from([2, 3]))
    limbs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda limb: limb[0] != limb[1])
    schema = KeypointSchema(
        shape=(count, dims),
        names=tuple(draw(st.lists(LETTERS, min_size=count, max_size=count, unique=True))),
        skeleton=tuple(draw(st.lists(limbs, max_size=3, unique=True))) if count > 1 else (),
        oks_sigmas=draw(st.none() | st.just((0.05,) * count)),
    )
    layout = draw(st.sampled_from(["dense", "split", "rows", "queries"]))
    return Facts(
        task="pose",
        names=dict(enumerate(draw(st.lists(LETTERS, min_size=1, max_size=4)))),
        schema=schema,
        placing=draw(st.sampled_from(["letterbox", "stretch"])),
        stride=draw(st.integers(1, 64)),
        imgsz=(draw(st.integers(1, 2000)), draw(st.integers(1, 2000))),
        batch=draw(st.integers(1, 64)),
        dynamic=draw(st.booleans()),
        precision=draw(st.sampled_from([32, 16, 8])),
        layout=layout,
        selection=draw(st.sampled_from(["suppress", "rank", "none"])),
        unit=draw(st.sampled_from(["pixels", "fractions"])),
        outputs=("boxes", "scores", "points", "dets", "labels", "keypoints"),
        masks=draw(st.integers(0, 32)),
        conf=draw(st.none() | st.floats(0, 1)),
        iou=draw(st.none() | st.floats(0, 1)),
        max_det=draw(st.none() | st.integers(1, 500)),
        slots=draw(st.none() | st.just((0, 17))),
        license=draw(st.none() | LETTERS),
        model=draw(LETTERS),
        version=draw(LETTERS),
    )


@FEW
@given(facts())
def test_facts_come_back_from_their_texts_as_they_were(made):
    texts = made.to_texts()
    assert all(text.encode() is not None for text in texts.values())
    assert of_texts(texts, "a file") == made


def test_other_programs_find_plain_words_and_numbers():
    texts = replace(PERSON, names={0: 'Kind "klein"', 1: "Größe"}).to_texts()
    assert (texts["task"], texts["stride"], texts["imgsz"]) == ("pose", "32", "[320, 640]")
    assert texts["names"] == repr({0: 'Kind "klein"', 1: "Größe"})
    assert json.loads(texts["kpt_shape"]) == [17, 3]
    assert json.loads(texts["kpt_names"])[5] == "left_shoulder"
    assert "license" not in texts


def test_texts_of_other_programs_hold_no_facts():
    assert of_texts({"task": "pose", "names": "{0: 'person'}"}, "a file") is None


@pytest.mark.parametrize("key", ["task", "names", "schema", "placing", "stride", "imgsz", "layout", "unit", "outputs"])
def test_what_running_takes_and_is_missing_is_named(key):
    plain = PERSON.to_plain()
    del plain[key]
    with pytest.raises(CheckpointError, match=rf"a\.onnx: the file does not say {key}, which running it takes"):
        of_plain(plain, "a.onnx")


def test_all_that_is_missing_is_named_at_once():
    with pytest.raises(CheckpointError, match="does not say names, schema, placing, stride"):
        of_plain({"task": "pose"}, "a.onnx")


WRONG = [
    ("task", "classify"),
    ("names", ["person"]),
    ("names", {"-1": "person"}),
    ("names", {"x": "person"}),
    ("schema", {"kpt_shape": [17]}),
    ("schema", {"kpt_shape": [17, 4]}),
    ("schema", []),
    ("placing", "crop"),
    ("stride", 0),
    ("stride", "32"),
    ("stride", True),
    ("stride", None),
    ("imgsz", 640),
    ("imgsz", [640]),
    ("imgsz", [0, 640]),
    ("imgsz", [float("inf"), 640]),
    ("imgsz", [640, 10**12]),
    ("batch", None),
    ("batch", 1.5),
    ("dynamic", "yes"),
    ("precision", 4),
    ("layout", "boxes"),
    ("layout", {}),
    ("layout", "queries"),
    ("layout", "split"),
    ("unit", "metres"),
    ("outputs", []),
    ("masks", -1),
    ("masks", "none"),
    ("conf", 2),
    ("conf", "0.25"),
    ("conf", float("nan")),
    ("iou", -1),
    ("max_det", 0),
    ("slots", [-1]),
    ("slots", 17),
    ("license", 3),
    ("model", None),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_what_makes_no_sense_is_refused_in_one_line(key, value):
    with pytest.raises(CheckpointError) as refused:
        of_plain(PERSON.to_plain() | {key: value}, "a.onnx")
    assert str(refused.value).startswith("a.onnx: ")
    assert "\n" not in str(refused.value)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@FEW
@given(st.sampled_from(sorted(PERSON.to_plain())), JSONS)
def test_any_other_value_is_taken_or_refused(key, value):
    with suppress(CheckpointError):
        of_plain(PERSON.to_plain() | {key: value}, "a.onnx")


@FEW
@given(JSONS.map(json.dumps) | st.text(max_size=20) | st.just("[" * 100_000))
def test_any_other_record_is_refused(text):
    with pytest.raises(CheckpointError):
        of_texts({RECORD: text}, "a.onnx")


MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
# What stands in the files before: fields of protocol buffers that no reader of texts looks at, an engine's plan.
MESSAGE = bytes([8, 7, 74, 3]) + b"abc" + bytes([29, 1, 2, 3, 4])
PLAN = b"ftrt" + bytes(range(200))
TEXTS = st.dictionaries(
    st.from_regex(r"[a-z][a-z_]{0,12}", fullmatch=True),  # keys are those of posekit
    st.text(st.characters(codec="utf-8"), max_size=30),
    max_size=5,
)


class Double(torch.nn.Module):
    """The smallest of networks."""

    def forward(self, images):
        return images * 2


def container(folder, ending):
    """Return a file or folder of a format without any texts."""
    path = folder / f"m{ending}"
    if ending == ".torchscript":
        torch.jit.save(torch.jit.trace(Double(), torch.zeros(1)), str(path))
    elif ending == ".mlpackage":
        (path / MODEL).parent.mkdir(parents=True)
        (path / MODEL).write_bytes(MESSAGE)
    elif ending.endswith("_model"):
        path.mkdir()
    elif ending.endswith(".tflite"):
        path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(500))
    else:
        path.write_bytes(PLAN if ending == ".engine" else MESSAGE)
    return path


def holder(path):
    """Return the file that holds the texts."""
    if path.suffix == ".mlpackage":
        return path / MODEL
    return path / "metadata.yaml" if path.is_dir() else path


@pytest.fixture(params=sorted(ENDINGS))
def made(request, tmp_path):

    return container(tmp_path, request.param)


def test_texts_come_back_from_every_format(made):
    texts = PERSON.to_texts() | {"names": repr({0: 'Kind "klein"', 1: "Größe\n2"}), "model": "1.10", "empty": ""}
    write_texts(made, texts)
    assert read_texts(made) == texts
    assert of_texts(read_texts(made), str(made)) == PERSON


def test_stripped_files_of_every_format_are_refused_in_one_line(made):
    with pytest.raises(CheckpointError, match="does not say its task, names and kpt_shape") as caught:
        open_exported(made)
    assert "\n" not in str(caught.value)


def test_files_say_in_words_what_their_outputs_mean():
    said = PERSON.to_texts()["description"]
    assert "1 class scores" in said
    assert "17 keypoints of 3 values (x, y, confidence)" in said


@FEW
@given(data=st.data())
def test_any_texts_come_back_from_every_format(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    path = container(folder, data.draw(st.sampled_from(sorted(ENDINGS))))
    texts = data.draw(TEXTS)
    write_texts(path, texts)
    assert read_texts(path) == texts


@FEW
@given(data=st.data())
def test_any_facts_come_back_from_every_format(data, tmp_path_factory):
    path = container(tmp_path_factory.mktemp("facts"), data.draw(st.sampled_from(sorted(ENDINGS))))
    told = data.draw(facts())
    write_texts(path, told.to_texts())
    assert open_exported(path).facts == told


def test_a_file_without_texts_has_none(made):
    assert read_texts(made) == {}


@pytest.mark.parametrize("ending", sorted(ENDINGS))
def test_a_file_that_is_not_there_is_told(ending, tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        open_exported(tmp_path / f"none{ending}")


def test_a_program_of_pytorch_runs_as_before(tmp_path):
    path = container(tmp_path, ".torchscript")
    write_texts(path, {"a": "b"})
    assert torch.jit.load(str(path))(torch.ones(1)) == 2
    extra = {"config.txt": ""}
    torch.jit.load(str(path), _extra_files=extra)
    assert json.loads(extra["config.txt"]) == {"a": "b"}


def test_the_plan_of_an_engine_is_given_as_it_was_with_and_without_texts(tmp_path):
    path = container(tmp_path, ".engine")
    assert engine_plan(path) == PLAN
    write_texts(path, {"a": "b"})
    assert engine_plan(path) == PLAN
    assert int.from_bytes(path.read_bytes()[:4], "little") == len('{"a": "b"}')


def test_folders_hold_yaml_that_people_read(tmp_path):
    path = container(tmp_path, "_openvino_model")
    write_texts(path, PERSON.to_texts())
    plain = yaml.safe_load((path / "metadata.yaml").read_text(encoding="utf-8"))
    assert (plain["task"], plain["stride"], plain["imgsz"], plain["dynamic"]) == ("pose", 32, [320, 640], False)


def test_onnx_finds_the_texts_where_it_keeps_its_own(tmp_path):
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph([], "g", [], [])
    path = tmp_path / "m.onnx"
    onnx.save(onnx.helper.make_model(graph), str(path))
    write_texts(path, {"names": "{0: 'Größe'}", "task": "pose"})
    assert {prop.key: prop.value for prop in onnx.load(str(path)).metadata_props} == read_texts(path)


def read_or_refused(path):
    """Return the texts, or None where the file is refused in one line; whatever else is raised fails the test."""
    try:
        return read_texts(path)
    except CheckpointError as refused:
        return None if "\n" not in str(refused) else pytest.fail(str(refused))


def test_a_file_that_is_cut_off_is_refused_or_has_no_texts(made):
    write_texts(made, {"posekit": json.dumps(PERSON.to_plain()), "task": "pose"})
    file = holder(made)
    whole = file.read_bytes()
    if made.suffix == ".engine":  # the texts come first
        whole = whole[: -len(PLAN)]
    for size in range(0, len(whole), max(len(whole) // 60, 1)):
        file.write_bytes(whole[:size])
        texts = read_or_refused(made) or {}
        assert "posekit" not in texts or made.is_dir()


@FEW
@given(data=st.data())
def test_damaged_bytes_are_read_or_refused_and_nothing_else(data, tmp_path_factory):
    path = container(tmp_path_factory.mktemp("damaged"), data.draw(st.sampled_from(sorted(ENDINGS))))
    write_texts(path, {"posekit": json.dumps(PERSON.to_plain()), "task": "pose"})
    file = holder(path)
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        # The texts stand at the ends.
        place = data.draw(st.integers(0, min(300, len(content) - 1))) * data.draw(st.sampled_from([1, -1]))
        content[place] = data.draw(st.integers(0, 255))
    file.write_bytes(bytes(content))
    read_or_refused(path)


@FEW
@given(data=st.data(), content=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_and_nothing_else(data, content, tmp_path_factory):
    path = container(tmp_path_factory.mktemp("bytes"), data.draw(st.sampled_from(sorted(ENDINGS))))
    holder(path).write_bytes(content)
    read_or_refused(path)


@pytest.mark.parametrize("content", [b"[1, 2]", b"3", b'{"a": 1', b"\xff\xfe", b"[" * 100_000, b""])
def test_texts_that_are_no_table_are_refused(content, tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("metadata.json", content)
    with pytest.raises(CheckpointError, match="cut off or damaged"):
        read_texts(path)


def test_texts_that_grow_when_they_are_unpacked_are_refused(tmp_path):
    path = tmp_path / "m.tflite"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", json.dumps({"a": " " * LARGEST_HEADER}))
    assert path.stat().st_size < LARGEST_HEADER / 100
    with pytest.raises(CheckpointError, match="damaged"):
        read_texts(path)


def test_a_folder_whose_yaml_is_none_is_refused(tmp_path):
    path = container(tmp_path, "_ncnn_model")
    for content in ("- a\n- b\n", "a: [\n", "a: 1\na: 2\n", "\0"):
        (path / "metadata.yaml").write_text(content, encoding="utf-8")
        with pytest.raises(CheckpointError):
            read_texts(path)


def test_dates_and_numbers_in_yaml_are_texts(tmp_path):
    path = container(tmp_path, "_ncnn_model")
    (path / "metadata.yaml").write_text("date: 2026-12-01\nstride: 32\n1: one\n", encoding="utf-8")
    assert read_texts(path) == {"date": '"2026-12-01"', "stride": "32", "1": "one"}


def test_a_file_without_facts_is_not_opened_as_something_else(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(MESSAGE)
    write_texts(path, {"task": "pose", "stride": "32"})
    with pytest.raises(CheckpointError, match="names"):
        open_exported(path)
