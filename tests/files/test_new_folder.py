"""A folder appears complete or not at all."""

import pytest

from posekit.errors import OutputError
from posekit.files.writing import new_folder


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
