"""Which pictures a split names, and where their label files lie."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.data.find_pictures import label_file_name, list_pictures, share
from posekit.errors import DatasetNotFoundError, SettingError


@pytest.fixture
def gallery(tmp_path):
    """A folder of pictures, some of them in folders within, and of other files."""
    folder = tmp_path / "images"
    for name in ("b.jpg", "a.PNG", "within/deep/c.jpeg", "notes.txt", "clip.mp4", ".hidden.jpg", ".cache/d.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def found_in(*places):
    return [Path(name) for name in list_pictures(places)]


def test_a_folder_is_listed_to_its_depth_in_order(gallery):
    found = found_in(gallery)
    assert found == [gallery / "a.PNG", gallery / "b.jpg", gallery / "within" / "deep" / "c.jpeg"]


def test_a_folder_that_links_back_to_itself_ends(gallery):
    (gallery / "within" / "again").symlink_to(gallery, target_is_directory=True)
    (gallery / "within" / "other").symlink_to(gallery / "within" / "deep", target_is_directory=True)
    found = found_in(gallery)
    assert len(set(found)) == len(found)
    assert gallery / "within" / "other" / "c.jpeg" in found


def test_a_list_counts_from_its_own_folder_or_from_here(gallery, monkeypatch):
    monkeypatch.chdir(gallery.parent)
    text = gallery.parent / "lists" / "train.txt"
    text.parent.mkdir()
    text.write_text(
        f"./x.jpg\n\n  {gallery / 'b.jpg'}  \nimages/a.PNG\nelsewhere/y.png\nnotes.md\n", encoding="utf-8-sig"
    )
    lists = text.parent
    assert found_in(text) == sorted(
        [lists / "x.jpg", gallery / "b.jpg", gallery / "a.PNG", lists / "elsewhere" / "y.png"], key=str
    )


def test_several_places_become_one_sorted_list(gallery, tmp_path):
    (tmp_path / "z.txt").write_text("./0.png\n")
    assert found_in(gallery, tmp_path / "z.txt")[0] == tmp_path / "0.png"
    assert [path.name for path in found_in(gallery / "b.jpg", gallery / "a.PNG")] == ["a.PNG", "b.jpg"]


def test_places_without_pictures_are_told(gallery, tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"nowhere: no such file or folder"):
        found_in(gallery, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"empty: the folder holds no picture; .* jpg"):
        found_in(tmp_path / "empty")
    (tmp_path / "list.txt").write_text("a.mp4\n")
    with pytest.raises(DatasetNotFoundError, match=r"list\.txt: the list names no picture"):
        found_in(tmp_path / "list.txt")
    (tmp_path / "archive.zip").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(DatasetNotFoundError, match=r"archive\.zip: .* not UTF-8 .* a text file that lists them"):
        found_in(tmp_path / "archive.zip")


@pytest.mark.parametrize(
    ("fraction", "count"), [(1.0, 10), (1, 10), (0.5, 5), (0.25, 2), (0.01, 1), (0.96, 10), (3, 3), (50, 10)]
)
def test_a_fraction_takes_the_first_pictures(fraction, count):
    assert share(10, fraction) == count


@pytest.mark.parametrize("fraction", [0, -1, 0.0, 1.5, float("nan"), float("inf")])
def test_a_fraction_that_is_neither_share_nor_count_is_refused(fraction):
    with pytest.raises(SettingError, match=r"fraction=.* expected a share above 0"):
        share(10, fraction)


@given(st.lists(st.sampled_from(["images", "labels", "a", "images2", "c.d"]), min_size=1, max_size=6))
def test_only_the_last_folder_named_images_becomes_labels(folders):
    picture = Path(os.sep, *folders, "x.y.jpg")
    label = Path(label_file_name(str(picture)))
    assert label.name == "x.y.txt"
    if "images" in folders:
        last = len(folders) - 1 - folders[::-1].index("images")
        folders = [*folders[:last], "labels", *folders[last + 1 :]]
    assert label.parent == Path(os.sep, *folders)


def test_a_link_to_itself_is_listed_so_that_reading_it_says_what_is_wrong(tmp_path):
    (tmp_path / "round.jpg").symlink_to("round.jpg")
    assert found_in(tmp_path) == [tmp_path / "round.jpg"]
