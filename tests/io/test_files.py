import os
from pathlib import Path

import pytest

from posekit.errors import SourceNotFoundError, SourceValueError, UnreadableImageError
from posekit.io.open_source import find_files


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder of empty files: finding does not open them."""
    for name in ("b.JPG", "a.png", "c.mp4", "B.avi", "notes.md", "._a.png", "sub/d.jpg", "sub/deep/e.webp"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(found) -> list[str]:
    return [Path(path).name for path in found]


def test_a_file_is_itself_as_absolute_path(folder):
    assert find_files("a.png") == [folder / "a.png"]
    assert find_files(Path("sub/../b.JPG"))[0].samefile(folder / "b.JPG")


def test_a_file_of_unknown_suffix_is_taken_at_its_word(folder):
    assert names(find_files("notes.md")) == ["notes.md"]


def test_a_folder_gives_pictures_then_videos_sorted_and_not_what_lies_deeper(folder):
    assert names(find_files(folder)) == ["a.png", "b.JPG", "B.avi", "c.mp4"]


def test_a_pattern_gives_its_files_sorted(folder):
    assert names(find_files("*.*")) == ["B.avi", "a.png", "b.JPG", "c.mp4"]
    assert names(find_files(f"{folder}/**/*.*")) == ["B.avi", "a.png", "b.JPG", "c.mp4", "d.jpg", "e.webp"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(folder):
    (folder / "x[1].jpg").touch()
    assert names(find_files("x[1].jpg")) == ["x[1].jpg"]


def test_a_text_list_is_relative_to_the_working_folder_then_to_itself(folder):
    (folder / "sub" / "list.txt").write_text("\ufeffa.png\n\n  d.jpg \nhttps://example.com/x.jpg\n", encoding="utf-8")
    found = find_files("sub/list.txt")
    assert found == [folder / "a.png", folder / "sub" / "d.jpg", "https://example.com/x.jpg"]


@pytest.mark.parametrize("text", ["a.png\nb.JPG\n", "source\na.png\nb.JPG\n", 'id,Source\n1,a.png\n2,"b.JPG"\n3,\n'])
def test_a_csv_list_may_have_a_header(folder, text):
    (folder / "list.csv").write_text(text)
    assert names(find_files("list.csv")) == ["a.png", "b.JPG"]


def test_a_missing_file_is_named_with_near_names(folder):
    with pytest.raises(SourceNotFoundError, match=r"a\.pngg: no such file.*near names: a\.png"):
        find_files("a.pngg")
    with pytest.raises(SourceNotFoundError, match="there is no folder"):
        find_files("nowhere/a.png")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "?"])
def test_what_cannot_be_a_name_is_not_found(folder, name):
    with pytest.raises(SourceNotFoundError):
        find_files(name)


def test_nothing_usable_lists_the_formats(folder):
    (folder / "empty").mkdir()
    (folder / "empty.txt").write_text("\n")
    for source in ("empty", "empty.txt", "*.xyz"):
        with pytest.raises(SourceNotFoundError, match=r"jpeg jpg.*mp4"):
            find_files(source)


def test_a_list_with_a_missing_entry_names_both(folder):
    (folder / "list.txt").write_text("a.png\ngone.png\n")
    with pytest.raises(SourceNotFoundError, match=r"list\.txt: its entry gone\.png"):
        find_files("list.txt")


def test_a_list_that_is_no_text_is_refused(folder):
    (folder / "list.txt").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(SourceValueError, match="not UTF-8"):
        find_files("list.txt")


def test_a_path_below_a_file_is_not_found(folder):
    with pytest.raises(SourceNotFoundError, match=r"x\.jpg: no such file .*a\.png is no folder"):
        find_files("a.png/x.jpg")


def test_a_link_to_nothing_is_told_as_such(folder):
    (folder / "link.jpg").symlink_to("gone.jpg")
    with pytest.raises(SourceNotFoundError, match=r"link\.jpg: is a link to a place that does not exist"):
        find_files("link.jpg")


def test_a_list_that_is_a_pipe_is_refused_at_once(folder):
    os.mkfifo(folder / "pipe.txt")
    with pytest.raises(UnreadableImageError, match="pipe or a device"):
        find_files("pipe.txt")


def test_a_csv_with_an_endless_cell_is_refused(folder):
    (folder / "list.csv").write_text("x" * 200_000)
    with pytest.raises(SourceValueError, match=r"list\.csv: the list is no CSV"):
        find_files("list.csv")
