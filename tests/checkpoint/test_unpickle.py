import pathlib
import pickle
from collections import Counter, OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.checkpoint.unpickle import ClassName, Stub, TensorRef, unpickle
from posekit.errors import CheckpointError

SCALARS = st.none() | st.booleans() | st.integers(-(2**100), 2**100) | st.floats(allow_nan=False) | st.text()
KEYS = st.text() | st.integers(-(2**20) + 1, 2**20 - 1) | st.booleans() | st.none()
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner),
    max_leaves=30,
)


@given(PLAIN)
def test_plain_values_come_out_as_pickle_would_read_them(value):
    assert unpickle(pickle.dumps(value, 2)) == value


@given(st.sets(st.text() | st.integers(-100, 100)), st.binary(), st.lists(st.integers(0, 10)))
def test_the_few_allowed_types_come_out_as_values(members, raw, counted):
    ordered = OrderedDict((str(member), member) for member in members)
    value = {"set": members, "bytes": raw, "ordered": ordered, "counter": Counter(counted)}
    assert unpickle(pickle.dumps(value, 2)) == value


@given(st.binary(max_size=60))
def test_arbitrary_bytes_give_a_value_or_a_checkpoint_error(data):
    try:
        unpickle(b"\x80\x02" + data)
    except CheckpointError:
        return


def test_shared_and_recursive_values_keep_their_identity():
    inner = [1]
    value = {"a": inner, "b": inner}
    value["self"] = [value]
    copy = unpickle(pickle.dumps(value, 2))
    assert copy["a"] is copy["b"]
    assert copy["self"][0] is copy


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u8", "b1", ">f8", ">i4"])
def test_numpy_numbers_become_python_numbers(kind):
    number = np.dtype(kind).type(1)
    value = np.array([number], dtype=kind)[0]
    read = unpickle(pickle.dumps(value, 2))
    assert type(read) in (bool, int, float)
    assert read == 1


def test_big_endian_numpy_numbers_are_swapped(pickles):
    text = np.array([1.5], dtype=">f8").tobytes().decode("latin1")
    dtype = pickles.Raw(
        pickles.code(pickles.Called("numpy.dtype", ("f8", False, True))) + pickles.code((3, ">", None)) + b"b"
    )
    scalar = pickles.Called("numpy.core.multiarray.scalar", (dtype, pickles.Called("_codecs.encode", (text, "latin1"))))
    assert unpickle(pickles.program(scalar)) == 1.5


@pytest.mark.parametrize("dtype", ["O8", "V4", "U3", "f16", "M8"])
def test_numpy_objects_are_refused(pickles, dtype):
    scalar = pickles.Called(
        "numpy.core.multiarray.scalar",
        (pickles.Called("numpy.dtype", (dtype,)), pickles.Called("_codecs.encode", ("x" * 8,))),
    )
    with pytest.raises(CheckpointError, match="unknown dtype"):
        unpickle(pickles.program(scalar))


@pytest.mark.parametrize("name", ["pathlib.PosixPath", "pathlib._local.PosixPath"])
def test_posix_paths_become_text(pickles, name):
    assert unpickle(pickles.program(pickles.Called(name, ("/", "runs", "pose")))) == "/runs/pose"


def test_windows_paths_become_text(pickles):
    assert unpickle(pickles.program(pickles.Called("pathlib.WindowsPath", ("C:\\", "runs")))) == "C:\\runs"
    assert unpickle(pickle.dumps(pathlib.PurePosixPath("a/b"), 2)) == "a/b"


def test_instances_become_stubs_with_their_state(pickles):
    stub = unpickle(pickles.program(pickles.Instance("ultralytics.nn.modules.conv.Conv", {"i": 3})))
    assert isinstance(stub, Stub)
    assert stub.origin == ClassName("ultralytics.nn.modules.conv", "Conv")
    assert stub.attributes == {"i": 3}


def test_state_that_is_no_dictionary_gives_no_attributes(pickles):
    stub = unpickle(pickles.program(pickles.Instance("torch.nn.modules.conv.Conv2d", (1, 2))))
    assert stub.attributes == {}
    assert stub.state == (1, 2)


def test_methods_of_fused_modules_become_nothing(pickles):
    args = (pickles.Instance("ultralytics.nn.modules.conv.Conv"), "forward_fuse")
    assert unpickle(pickles.program(pickles.Called("__builtin__.getattr", args))) is None


@pytest.mark.parametrize(
    ("storage", "dtype"),
    [
        ("HalfStorage", "float16"),
        ("FloatStorage", "float32"),
        ("DoubleStorage", "float64"),
        ("BFloat16Storage", "bfloat16"),
        ("LongStorage", "int64"),
        ("IntStorage", "int32"),
        ("ShortStorage", "int16"),
        ("CharStorage", "int8"),
        ("ByteStorage", "uint8"),
        ("BoolStorage", "bool"),
    ],
)
def test_tensors_become_references(pickles, storage, dtype):
    ref = unpickle(pickles.program(pickles.Tensor("7", 6, (2, 3), (3, 1), 0, storage)))
    assert isinstance(ref, TensorRef)
    assert ref.storage.dtype == dtype
    assert (ref.storage.key, ref.storage.count, ref.size, ref.stride) == ("7", 6, (2, 3), (3, 1))


@pytest.mark.parametrize("name", ["_rebuild_parameter", "_rebuild_parameter_with_state"])
def test_parameters_are_their_tensor(pickles, name):
    value = pickles.Called(f"torch._utils.{name}", (pickles.Tensor(), True, None))
    assert isinstance(unpickle(pickles.program(value)), TensorRef)


@pytest.mark.parametrize("name", ["models.yolo.Model", "models.common.Conv"])
def test_yolov5_files_are_refused_by_name(pickles, name):
    with pytest.raises(CheckpointError, match="this is a YOLOv5 file"):
        unpickle(pickles.program(pickles.Instance(name)))


@pytest.mark.parametrize(
    "name",
    ["ultralytics.yolo.utils.IterableSimpleNamespace", "ultralytics.nn.modules.Conv", "ultralytics.utils.loss.E2ELoss",
     "torch.nn.modules.loss.BCEWithLogitsLoss", "torch.device", "argparse.Namespace", "types.SimpleNamespace"],
)  # fmt: skip
def test_names_of_older_releases_become_stubs(pickles, name):
    assert str(unpickle(pickles.program(pickles.Called(name))).origin) == name
