"""The ZIP container, its tensors, and what is said of other kinds of files."""

import struct
import sys
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posekit.checkpoint.archive import Archive, TensorReader
from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.checkpoint.unpickle import StorageRef, TensorRef
from posekit.errors import CheckpointError


def zipped(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, raw in members:
            file.writestr(name, raw)
    return path


def patched_directory(path, name, *, declared, stored):
    """Change the sizes that the table of contents states for one member."""
    raw = bytearray(path.read_bytes())
    entry = raw.rindex(name.encode()) - 46
    assert raw[entry : entry + 4] == b"PK\x01\x02"
    struct.pack_into("<II", raw, entry + 20, stored, declared)
    path.write_bytes(raw)
    return path


def test_reads_the_pickle_and_the_storages(pickles, tmp_path):
    path = pickles.archive(tmp_path / "a.pt", b"pickle", {"0": b"abcd", "17": b""})
    with Archive(path) as archive:
        assert archive.pickle() == b"pickle"
        assert archive.storage("0", 4) == b"abcd"
        assert archive.storage("17", 0) == b""
        assert archive.byteorder == "little"
        assert archive.file_size == path.stat().st_size


@pytest.mark.parametrize("key", ["1", "", "../data.pkl", "0/", "-1", "0 ", "٠"])
def test_only_existing_numbered_storages_are_read(pickles, tmp_path, key):
    with (
        Archive(pickles.archive(tmp_path / "a.pt", b"")) as archive,
        pytest.raises(CheckpointError, match="missing from the file"),
    ):
        archive.storage(key, 4)


def test_a_storage_of_another_length_than_declared_is_refused(pickles, tmp_path):
    with (
        Archive(pickles.archive(tmp_path / "a.pt", b"")) as archive,
        pytest.raises(CheckpointError, match="has 4 bytes, but 400000000000 are declared"),
    ):
        archive.storage("0", 400_000_000_000)


def test_the_file_is_closed_after_a_refusal(pickles, tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(b"")
    with pytest.raises(CheckpointError):  # an open file would end in a ResourceWarning, which is an error here
        Archive(path)


def test_compressed_members_are_refused(tmp_path):
    path = zipped(tmp_path / "a.pt", [("a/data.pkl", bytes(10**8))], zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 200_000
    with pytest.raises(CheckpointError, match=r"member a/data\.pkl is compressed"):
        Archive(path)


def test_a_pickle_over_the_limit_is_refused(tmp_path):
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as file, file.open("a/data.pkl", "w") as member:
        for _ in range(65):
            member.write(bytes(2**20))
    with Archive(path) as archive, pytest.raises(CheckpointError, match="more than the 67108864 that are read"):
        archive.pickle()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_members_are_refused(tmp_path):
    path = zipped(tmp_path / "a.pt", [("a/data.pkl", b"one"), ("a/data.pkl", b"two")])
    with pytest.raises(CheckpointError, match=r"two members called 'a/data\.pkl'"):
        Archive(path)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "a//evil", "a/data/", "a\\evil", "./a"])
def test_members_with_paths_that_lead_elsewhere_are_refused(tmp_path, name):
    path = zipped(tmp_path / "a.pt", [("a/data.pkl", b""), (name, b"")])
    with pytest.raises(CheckpointError, match="plain names were expected"):
        Archive(path)


def test_two_top_folders_are_refused(tmp_path):
    path = zipped(tmp_path / "a.pt", [("a/data.pkl", b""), ("b/data.pkl", b"")])
    with pytest.raises(CheckpointError, match="2 top folders"):
        Archive(path)


@pytest.mark.parametrize("member", ["constants.pkl", "code/__torch__.py"])
def test_torchscript_is_refused_by_name(pickles, tmp_path, member):
    path = pickles.archive(tmp_path / "a.pt", b"", **{member: b""})
    with pytest.raises(CheckpointError, match="TorchScript program, not weights"):
        Archive(path)


def test_an_archive_in_an_archive_is_refused_with_advice(pickles, tmp_path):
    inner = pickles.archive(tmp_path / "inner.pt", b"")
    path = zipped(tmp_path / "outer.pt", [("yolo11n-pose.pt", inner.read_bytes())])
    with pytest.raises(
        CheckpointError, match=r"without data\.pkl, not a checkpoint; unpack it and load yolo11n-pose\.pt"
    ):
        Archive(path)


def test_an_archive_as_pickle_is_refused(pickles, tmp_path):
    inner = pickles.archive(tmp_path / "inner.pt", b"")
    path = pickles.archive(tmp_path / "outer.pt", inner.read_bytes())
    with pytest.raises(CheckpointError, match=r"instruction PERSID"):
        read_checkpoint(path)


def test_a_plain_zip_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"ZIP archive without data\.pkl"):
        Archive(zipped(tmp_path / "a.pt", [("readme.txt", b"hello")]))


@pytest.mark.parametrize(
    ("declared", "stored", "reason"),
    [
        (2**31, 2**31, "members declare 214748[0-9]+ bytes together"),
        (2**31, 4, "declares 2147483648 bytes, but stores 4"),
        (5, 5, "has 5 bytes, but 4 are declared"),
        (2, 2, "has 2 bytes, but 4 are declared"),
    ],
)
def test_wrong_sizes_in_the_table_of_contents_are_refused(pickles, tmp_path, declared, stored, reason):
    path = pickles.checkpoint(tmp_path / "a.pt", {"model": pickles.network()})
    patched_directory(path, "archive/data/0", declared=declared, stored=stored)
    with pytest.raises(CheckpointError, match=reason):
        read_checkpoint(path)


def test_members_that_overlap_are_refused(tmp_path):
    path = zipped(tmp_path / "a.pt", [("a/data.pkl", b"x" * 4000), *((f"a/data/{n}", b"") for n in range(9))])
    raw = bytearray(path.read_bytes())
    for number in range(9):  # each member claims the bytes of the pickle as its own
        entry = raw.rindex(f"a/data/{number}".encode()) - 46
        struct.pack_into("<II", raw, entry + 20, 4000, 4000)
        struct.pack_into("<I", raw, entry + 42, 0)
    path.write_bytes(raw)
    with pytest.raises(CheckpointError, match="members declare 40000 bytes together"):
        Archive(path)


def test_a_huge_table_of_contents_is_refused(tmp_path):
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(140):
            info = zipfile.ZipInfo(f"a/{number}")
            info.comment = bytes(65_000)
            file.writestr(info, b"")
    with pytest.raises(CheckpointError, match=r"table of contents of the archive has 91[0-9]+ bytes"):
        Archive(path)


def test_changed_bytes_of_a_member_are_noticed(pickles, tmp_path):
    path = pickles.archive(tmp_path / "a.pt", b"pickle", {"0": b"abcd"})
    path.write_bytes(path.read_bytes().replace(b"abcd", b"abce"))
    with Archive(path) as archive, pytest.raises(CheckpointError, match="data/0 is damaged"):
        archive.storage("0", 4)


def test_files_cut_off_anywhere_are_refused(golden, tmp_path):
    whole = (golden / "fused_11seg.pt").read_bytes()
    path = tmp_path / "cut.pt"
    for tenth in range(10):
        path.write_bytes(whole[: len(whole) * tenth // 10])
        with pytest.raises(CheckpointError):
            read_checkpoint(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(CheckpointError, match="cut off or damaged"):
        read_checkpoint(path)


@pytest.mark.parametrize("byteorder", [b"middle", b"", b"x" * 100])
def test_unknown_byte_orders_are_refused(tmp_path, byteorder):
    path = zipped(tmp_path / "a.pt", [("a/data.pkl", b""), ("a/byteorder", byteorder)])
    with pytest.raises(CheckpointError, match=r"byteorder|byte order"):
        Archive(path)


def test_folders_and_devices_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="this is a folder"):
        Archive(tmp_path)


def test_old_formats_run_nothing(pickles, tmp_path, watched_read):
    """Pre-ZIP files and bombs, read under an audit hook and a limit of 400 MB."""
    canary = tmp_path / "canary"
    attack = pickles.program(pickles.Called("os.system", (f"touch {canary}",)))
    magic = pickles.program(0x1950A86A20F9469CFC6C)
    (tmp_path / "bare.pt").write_bytes(attack)
    (tmp_path / "legacy.pt").write_bytes(magic + attack)
    (tmp_path / "ascii.pt").write_bytes(b"cos\nsystem\n(S'touch x'\ntR.")
    member = tmp_path / "pickle"
    member.write_bytes(attack)
    with tarfile.open(tmp_path / "tar.pt", "w") as file:
        file.add(member, "pickle")
    zipped(tmp_path / "bomb.pt", [("a/data.pkl", bytes(4 * 10**8))], zipfile.ZIP_DEFLATED)
    huge = pickles.checkpoint(tmp_path / "huge.pt", {"model": pickles.network(pickles.Tensor(count=2**40))})
    patched_directory(huge, "archive/data/0", declared=2**32 - 2, stored=2**32 - 2)
    names = ["bare", "legacy", "ascii", "tar", "bomb", "huge"]
    reports = watched_read([tmp_path / f"{name}.pt" for name in names])
    assert [report["outcome"][0] for report in reports] == ["CheckpointError"] * len(names)
    assert {event[0] for report in reports for event in report["events"]} == {"open"}
    assert not canary.exists()
    assert "bare pickle" in reports[0]["outcome"][1]
    assert "pre-ZIP format" in reports[1]["outcome"][1]
    assert "tar archive" in reports[3]["outcome"][1]


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


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "Git LFS pointer.*git lfs pull"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n  <HTML><body>404", "web page"),
        (b"\x08\x08\x12\x07pytorch", "ONNX"),
        (b"\x1c\x00\x00\x00TFL3\x14", "TensorFlow Lite"),
        (b"\x60\x01\x00\x00\x00\x00\x00\x00{", "safetensors.*rename"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x05\x06" + bytes(18), "empty ZIP"),
        (b"\x80\x04\x95", "bare pickle"),
        (b"\x93NUMPY", "NumPy"),
    ],
)
def test_other_kinds_of_files_are_named(tmp_path, head, words):
    path = tmp_path / "weights.pt"
    path.write_bytes(head)
    with pytest.raises(CheckpointError, match=rf"this is .*{words}"):
        read_checkpoint(path)


def test_unknown_bytes_stay_unnamed(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(b"\x01hello world")
    with pytest.raises(CheckpointError, match=r"of an unknown kind; expected was a \.pt file"):
        read_checkpoint(path)
