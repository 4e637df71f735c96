import sys
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posekit.checkpoint.archive import Archive, TensorReader
from posekit.checkpoint.unpickle import StorageRef, TensorRef
from posekit.errors import CheckpointError

COUNT = 24
VALUES = np.arange(COUNT, dtype=np.float32)


@pytest.fixture
def archive(pickles, tmp_path):
    with Archive(pickles.archive(tmp_path / "a.pt", b"", {"0": VALUES.tobytes(), "1": b""})) as archive:
        yield archive


def ref(size, stride, offset=0, key="0", dtype="float32", count=COUNT):
    return TensorRef(StorageRef(key, dtype, count), offset, size, stride)


@given(st.permutations([2, 3, 4]), st.permutations([0, 1, 2]), st.integers(0, 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_views_equal_those_of_torch(archive, shape, axes, start):
    view = torch.from_numpy(VALUES.copy()).reshape(tuple(shape)).permute(tuple(axes))[start:]
    read = TensorReader(archive).read(ref(tuple(view.shape), view.stride(), view.storage_offset()))
    assert torch.equal(read, view)
    assert read.is_contiguous()


@given(
    st.lists(st.tuples(st.integers(-2, 30), st.integers(-2, 30)), max_size=4),
    st.integers(-2, 30),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_view_is_read_exactly_when_it_stays_inside_its_storage(archive, axes, offset):
    size, stride = tuple(n for n, _ in axes), tuple(s for _, s in axes)
    fine = all(value >= 0 for value in (*size, *stride, offset))
    if fine and 0 not in size:
        last = offset + sum((n - 1) * s for n, s in axes)
        fine = last < COUNT and np.prod(size, dtype=int) <= COUNT
    if fine:
        read = TensorReader(archive).read(ref(size, stride, offset))
        assert torch.equal(
            read, torch.from_numpy(VALUES.copy()).as_strided(size, stride, offset if 0 not in size else 0)
        )
    else:
        with pytest.raises(CheckpointError, match=r"impossible shape or stride|reaches beyond its storage"):
            TensorReader(archive).read(ref(size, stride, offset))


@pytest.mark.parametrize(
    ("size", "stride"),
    [((2**70,), (0,)), ((0, 2**70), (1, 1)), ((1,) * 17, (1,) * 17), ((2, 2), (1,)), ((2**34,), (0,))],
)
def test_absurd_shapes_are_refused(archive, size, stride):
    with pytest.raises(CheckpointError, match=r"impossible shape or stride|reaches beyond its storage"):
        TensorReader(archive).read(ref(size, stride))


def test_empty_and_scalar_tensors(archive):
    reader = TensorReader(archive)
    assert reader.read(ref((0, 5), (5, 1), key="1", count=0)).shape == (0, 5)
    assert reader.read(ref((), (), offset=3)).item() == 3.0


def test_tensors_that_share_a_storage_own_their_memory(archive):
    reader = TensorReader(archive)
    first, second = reader.read(ref((4,), (1,))), reader.read(ref((4,), (1,)))
    first.zero_()
    assert second.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_all_tensors_together_may_not_outgrow_the_file(archive):
    reader = TensorReader(archive)
    for _ in range(archive.file_size // COUNT):
        reader.read(ref((COUNT,), (1,)))
    with pytest.raises(CheckpointError, match="hold more numbers than the file has bytes"):
        reader.read(ref((COUNT,), (1,)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16", "int64", "int32", "int16", "uint8"])
def test_big_endian_files_read_the_same(tmp_path, pickles, dtype):
    values = torch.tensor([1, 2, 100], dtype=getattr(torch, dtype))
    raw = bytearray(values.view(torch.uint8).numpy().tobytes())
    size = values.itemsize
    swapped = b"".join(bytes(reversed(raw[i : i + size])) for i in range(0, len(raw), size))
    other = {"little": b"big", "big": b"little"}[sys.byteorder]
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", b"")
        file.writestr("a/byteorder", other)
        file.writestr("a/data/0", swapped)
    with Archive(path) as archive:
        assert torch.equal(TensorReader(archive).read(ref((3,), (1,), dtype=dtype, count=3)), values)
