from pathlib import Path

import numpy as np
import pytest

from posekit.engine.results_csv import ResultsCsv, read_results, results_text
from posekit.errors import OutputError

GOLDEN = np.load(Path(__file__).parents[1] / "golden/train/runs.npz")


@pytest.mark.parametrize("name", ["pose26_auto", "pose8_sgd_cos", "pose26_musgd"])
def test_the_header_is_as_recorded(tmp_path, name):
    header = str(GOLDEN[f"{name}/csv_header"])
    results = ResultsCsv(tmp_path / "results.csv")
    results.add(dict.fromkeys(header.split(","), 0.0))
    assert results.path.read_text().splitlines()[0] == header


def test_values_have_six_digits():
    row = {"epoch": 1, "time": 12.3456789, "loss": 1e-7, "large": 1234567.0, "nan": float("nan")}
    assert results_text([row]) == "epoch,time,loss,large,nan\n1,12.3457,1e-07,1.23457e+06,nan\n"


def test_a_resumed_run_loses_the_rows_after_its_checkpoint(tmp_path):
    path = tmp_path / "run/results.csv"
    first = ResultsCsv(path)
    for epoch in (1, 2, 3):
        first.add({"epoch": epoch, "loss": 1 / epoch})
    resumed = ResultsCsv(path, rows=first.rows[:2])
    resumed.add({"epoch": 3, "loss": 0.25})
    assert path.read_text() == "epoch,loss\n1,1\n2,0.5\n3,0.25\n"
    assert [item.name for item in path.parent.iterdir()] == ["results.csv"]


def test_new_columns_are_empty_where_they_were_missing(tmp_path):
    results = ResultsCsv(tmp_path / "results.csv", rows=[{"epoch": 1}])
    results.add({"epoch": 2, "extra": 5})
    assert results.path.read_text() == "epoch,extra\n1,\n2,5\n"
    assert read_results(results.path) == [{"epoch": 1}, {"epoch": 2, "extra": 5}]


def test_a_file_that_cannot_be_written_is_an_error_and_keeps_its_rows(tmp_path):
    (tmp_path / "folder").write_text("in the way")
    results = ResultsCsv(tmp_path / "folder/results.csv")
    with pytest.raises(OutputError, match=r"results\.csv"):
        results.add({"epoch": 1})
    assert results.rows == [{"epoch": 1.0}]


def test_padded_columns_are_read(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("  epoch,   train/loss\n    1,   0.25\n")
    assert read_results(path) == [{"epoch": 1, "train/loss": 0.25}]


@pytest.mark.parametrize("content", ["epoch\none\n", "a,b\n1\n", "a\n1,2\n", "\xff\xfe"])
def test_a_file_of_something_else_is_an_error(tmp_path, content):
    path = tmp_path / "results.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(OutputError, match="no table of results"):
        read_results(path)
