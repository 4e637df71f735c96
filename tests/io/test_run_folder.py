from concurrent.futures import ThreadPoolExecutor

import pytest

from posekit.errors import OutputError
from posekit.files.writing import make_run_folder


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
