"""Files and folders appear whole or not at all, under names that are safe and free."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from posekit.errors import OutputError
from posekit.files.writing import FreeNames, free_name, make_run_folder, new_folder, replacing, safe_name, write_whole


def test_the_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "file"
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_the_old_file_stays_when_the_block_raises(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), replacing(path) as temporary:
        temporary.write_text("ha" * 10_000 + "\udcff", encoding="utf-8")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    with replacing(tmp_path / "file") as temporary:
        temporary.touch()
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_an_earlier_file_is_replaced(tmp_path):
    for data in (b"longer than", b"this"):
        write_whole(tmp_path / "new" / "file", data)
    assert (tmp_path / "new" / "file").read_bytes() == b"this"
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    with pytest.raises(OutputError, match=str(tmp_path)):
        write_whole(tmp_path, b"")


def test_the_folder_appears_when_the_block_ends_well(tmp_path):
    target = tmp_path / "a" / "b"
    with new_folder(target) as draft:
        (draft / "x").write_text("x", encoding="utf-8")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["x"]
    assert [path.name for path in target.parent.iterdir()] == ["b"]


def test_an_error_leaves_nothing(tmp_path):
    def fail():
        with new_folder(tmp_path / "b") as draft:
            (draft / "x").write_text("x", encoding="utf-8")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="already holds something"), new_folder(tmp_path):
        pytest.fail("the block must not run")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_working_directory_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="folder you are in"), new_folder(tmp_path):
        pytest.fail("the block must not run")


def test_runs_are_numbered_from_two(tmp_path):
    made = [make_run_folder(tmp_path / "runs" / "pose", "predict").name for _ in range(3)]
    assert made == ["predict", "predict2", "predict3"]


def test_the_first_free_number_is_taken(tmp_path):
    (tmp_path / "predict").mkdir()
    (tmp_path / "predict3").mkdir()
    assert make_run_folder(tmp_path, "predict") == tmp_path / "predict2"


def test_exist_ok_uses_the_same_folder_again(tmp_path):
    for _ in range(2):
        assert make_run_folder(tmp_path, "predict", exist_ok=True) == tmp_path / "predict"


def test_runs_that_start_together_get_one_folder_each(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: make_run_folder(tmp_path, "predict"), range(40)))
    assert len(set(made)) == 40
    assert {folder.name for folder in made} == {"predict"} | {f"predict{i}" for i in range(2, 41)}


def test_a_file_in_the_way_is_an_error_and_no_endless_search(tmp_path):
    (tmp_path / "runs").touch()
    with pytest.raises(OutputError, match=r"runs.*cannot be made"):
        make_run_folder(tmp_path / "runs", "predict")


def test_a_link_to_nowhere_in_the_way_is_an_error_and_no_endless_search(tmp_path):
    (tmp_path / "runs").symlink_to(tmp_path / "unmounted")
    with pytest.raises(OutputError, match=r"runs.*cannot be made"):
        make_run_folder(tmp_path / "runs", "predict")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a/b\\c", "a_b_c"),
        ("..", "unnamed"),
        ("", "unnamed"),
        (" .x_ ", "x"),
        ("ä" * 150, "ä" * 100),
        ("a\0:*b", "a_b"),
    ],
)
def test_no_name_leaves_its_folder_or_is_too_long_for_it(text, name):
    assert safe_name(text) == name


def test_taken_names_get_the_next_number():
    assert free_name("a", {"a", "a-2"}.__contains__) == "a-3"
    assert free_name("a", {"a"}.__contains__, joint="") == "a2"
    names = FreeNames()
    assert [names.claim(name) for name in ("a", "A", "a-2", "a", "b")] == ["a", "A-2", "a-2-2", "a-3", "b"]
