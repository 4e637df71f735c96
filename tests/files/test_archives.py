import io
import os
import shutil
import stat
import struct
import tarfile
import zipfile
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import DatasetError, OutputError
from posekit.files import archives as module
from posekit.files.archives import archive_stem, unpack

CONTENT = {"set/data.yaml": b"names: [a]\n", "set/images/a.jpg": bytes(range(256)) * 40, "set/empty.txt": b""}
TAR_KINDS = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}


def write_zip(path, content, mode=None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if mode is not None:
                info.external_attr = mode << 16
            archive.writestr(info, data)
    return path


def write_tar(path, content, mode="w", **attributes):
    with tarfile.open(path, mode) as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))
    return path


def write(path, content):
    kind = path.name.partition(".")[2]
    return write_zip(path, content) if kind == "zip" else write_tar(path, content, TAR_KINDS[kind])


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "out" / "folder"
    path.mkdir(parents=True)
    return path


def files_in(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["zip", *TAR_KINDS])
def test_archives_of_all_kinds_come_out_as_they_went_in(tmp_path, folder, kind):
    unpack(write(tmp_path / f"a.{kind}", CONTENT), folder)
    assert files_in(folder) == CONTENT


def test_the_kind_is_told_by_the_content(tmp_path, folder):
    unpack(write(tmp_path / "a.tar.gz", CONTENT).rename(tmp_path / "download"), folder)
    assert files_in(folder) == CONTENT


@pytest.mark.parametrize("name", ["BM.txt", "GIF89.txt", "datafree/a.txt", "%PDF", "Rar!"])
def test_a_tar_whose_first_file_is_called_like_another_kind_is_a_tar(tmp_path, folder, name):
    unpack(write(tmp_path / "a.tar", {name: b"x"}), folder)
    assert files_in(folder) == {name: b"x"}


def test_folders_and_litter(tmp_path, folder):
    content = {"set/": b"", "set/images/": b"", "__MACOSX/set/._a": b"x", "set/.DS_Store": b"x"}
    unpack(write_zip(tmp_path / "a.zip", content), folder)
    assert files_in(folder) == {}
    assert (folder / "set" / "images").is_dir()


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "set/../../out.txt", "/out.txt", "..\\out.txt", "C:/out.txt", "C:out.txt", "\\\\host\\x\\out"],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_path_out_of_the_folder_is_refused(tmp_path, folder, name, kind):
    with pytest.raises(DatasetError, match="a path that leads out of the folder"):
        unpack(write(tmp_path / f"a.{kind}", {name: b"x"}), folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{kind}", "out"]
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]


@given(st.text(st.sampled_from("./\\:aC~ "), min_size=1, max_size=12))
def test_whatever_the_name_nothing_is_written_elsewhere(tmp_path_factory, name):
    place = tmp_path_factory.mktemp("place")
    folder = place / "inner" / "folder"
    folder.mkdir(parents=True)
    try:
        unpack(write_tar(place / "a.tar", {name: b"x"}), folder)
    except DatasetError:
        pass
    else:
        assert len(files_in(folder)) == 1
    outside = {path for path in place.rglob("*") if folder not in path.parents}
    assert outside == {place / "a.tar", place / "inner", folder}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, folder, kind):
    path = write_tar(tmp_path / "a.tar", {"set/link": b""}, type=kind, linkname="/etc/passwd")
    with pytest.raises(DatasetError, match="'set/link', which is a link or device"):
        unpack(path, folder)
    assert files_in(folder) == {}


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644])
def test_links_and_devices_in_a_zip_are_refused(tmp_path, folder, mode):
    with pytest.raises(DatasetError, match="'link', which is a link or device"):
        unpack(write_zip(tmp_path / "a.zip", {"link": b"/etc/passwd"}, mode), folder)


def test_plain_files_with_permissions_are_fine_and_lose_them(tmp_path, folder):
    unpack(write_zip(tmp_path / "a.zip", {"a": b"x"}, stat.S_IFREG | 0o4777), folder)
    assert not (folder / "a").stat().st_mode & (stat.S_ISUID | stat.S_IXUSR)


@pytest.mark.parametrize("kind", ["zip", *TAR_KINDS])
def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path, folder, kind, monkeypatch):
    monkeypatch.setattr(module, "ALWAYS_ALLOWED_BYTES", 1_000_000)
    monkeypatch.setattr(module, "LARGEST_RATIO", 2)
    path = write(tmp_path / f"a.{kind}", {f"{number}": bytes(400_000) for number in range(50)})
    if kind == "tar":  # it is as large as its content
        monkeypatch.setattr(module, "LARGEST_RATIO", 0)
    with pytest.raises(DatasetError, match=r"out of proportion to its [\d,]+: it may be made to fill disks"):
        unpack(path, folder)
    assert sum(map(len, files_in(folder).values())) <= 1_000_000


def test_a_tar_header_cannot_ask_for_gigabytes_of_memory(tmp_path, folder):
    header = tarfile.TarInfo("a")
    header.type, header.size = tarfile.XHDTYPE, 4 << 30
    path = tmp_path / "a.tar"
    path.write_bytes(header.tobuf(tarfile.USTAR_FORMAT) + bytes(2048))
    with pytest.raises(DatasetError, match="a header of 4294967296 bytes"):
        unpack(path, folder)


def test_a_disk_without_room_is_told_before_it_is_full(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5000))
    with pytest.raises(OutputError, match=r"'set/images/a.jpg' needs 10,240 bytes, but only 5,000 are free"):
        unpack(write(tmp_path / "a.zip", CONTENT), folder)


def test_a_file_that_is_there_twice_is_refused(tmp_path, folder):
    write_zip(tmp_path / "a.zip", {"a": b"1", "b": b"2"})
    content = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace(b"b", b"a"))
    with pytest.raises(DatasetError, match="holds 'a' twice, or as a file and as a folder"):
        unpack(tmp_path / "a.zip", folder)


def test_a_file_that_is_a_folder_too_is_refused(tmp_path, folder):
    with pytest.raises(DatasetError, match="holds 'a/b' twice, or as a file and as a folder"):
        unpack(write_tar(tmp_path / "a.tar", {"a": b"1", "a/b": b"2"}), folder)


@pytest.mark.parametrize("kind", ["zip", *TAR_KINDS])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_an_archive_that_is_cut_off_is_noticed(tmp_path, folder, kind, share):
    content = {str(number): os.urandom(3000) for number in range(10)}
    path = write(tmp_path / f"a.{kind}", content)
    whole = path.read_bytes()
    end = len(whole) if kind != "tar" else 10 * (512 + 3072)  # what follows in a tar is empty
    path.write_bytes(whole[: int(end * share)])
    with pytest.raises(DatasetError, match=r"cannot be unpacked \(.*\): get it afresh"):
        unpack(path, folder)


def test_a_tar_that_is_cut_off_between_two_files_is_noticed(tmp_path, folder):
    path = write_tar(tmp_path / "a.tar", {"a": b"x" * 512, "b": b"y" * 512})
    path.write_bytes(path.read_bytes()[:1024])
    with pytest.raises(DatasetError, match="its end is missing"):
        unpack(path, folder)


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_flipped_bit_is_noticed(tmp_path, folder, kind):
    path = write(tmp_path / f"a.{kind}", {"a": os.urandom(20_000)})
    content = bytearray(path.read_bytes())
    content[10_000] ^= 4
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        unpack(path, folder)


@pytest.mark.parametrize(
    "content", [b"", b"<!DOCTYPE html>", b"PK", b"PK\5\6" + bytes(10), b"\x1f\x8b", b"BZh9", b"Rar!"]
)
def test_something_else_is_refused(tmp_path, folder, content):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"is no zip or tar archive|cannot be unpacked"):
        unpack(path, folder)


def test_an_encrypted_zip_is_refused(tmp_path, folder):
    path = write_zip(tmp_path / "a.zip", {"a": b"secret"})
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        struct.pack_into("<H", content, content.index(mark) + offset, 1)
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="encrypted"):
        unpack(path, folder)


def test_a_folder_that_cannot_be_written_is_told(tmp_path, folder):
    path = write_zip(tmp_path / "a.zip", {"x" * 300: b"1"})
    with pytest.raises(OutputError, match=r"cannot be unpacked into .*File name too long"):
        unpack(path, folder)


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.zip", "a"), ("a.v2.tar.gz", "a.v2"), ("A.TGZ", "A"), ("a.tar", "a"), ("a.rar", None), ("a.yaml", None)],
)
def test_names_of_archives(name, stem):
    assert archive_stem(name) == stem
