"""``posekit check``: a summary, a report, one line for a mistake."""

import pytest

from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset


@pytest.fixture
def people(tmp_path):
    return write_yolo_dataset(tmp_path / "people", train=4, val=2, settings=SceneSettings(size=(96, 96)))


def test_it_prints_a_summary_and_writes_a_report_where_asked(people, folder, posekit_command):
    done = posekit_command("check", f"data={people}", "out=found/report.html")
    assert done.returncode == 0, done.stderr
    assert "train: 4 pictures" in done.stdout
    assert "Report: found/report.html" in done.stdout
    assert (folder / "found/report.html").read_text().startswith("<!")


def test_reports_go_to_numbered_run_folders(people, folder, posekit_command):
    for _ in range(2):
        posekit_command("check", f"data={people}")
    assert (folder / "runs/pose/check/report.html").is_file()
    assert (folder / "runs/pose/check2/report.html").is_file()


def test_without_data_it_says_what_it_needs(posekit_command):
    done = posekit_command("check")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "data=" in done.stderr


def test_a_missing_data_set_is_one_line_and_nothing_is_written(folder, posekit_command):
    done = posekit_command("check", "data=missing.yaml")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "missing.yaml" in done.stderr
    assert not (folder / "runs").exists()
