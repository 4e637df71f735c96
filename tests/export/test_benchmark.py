"""Formats side by side: a row for each, whatever becomes of it, in a table, in files and in a chart."""

import csv
import logging

import cv2
import pytest

from posekit import YOLO
from posekit.config.settings import BenchmarkSettings
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.errors import DatasetNotFoundError, ExportedModelError, SettingError, SettingTypeError
from posekit.export.benchmark import Benchmark, processor_name, score_key
from posekit.models.exported.sessions import wanted_threads

CRASHING = "import os\nos.abort()\n"
COLUMNS = [
    "Format", "Status", "Size (MB)", "metrics/mAP50-95(P)", "Inference time (ms/im)", "FPS",
    "Preprocess (ms/im)", "Postprocess (ms/im)", "Parity (px)",
]  # fmt: skip


@pytest.fixture
def people(tmp_path):
    """Four pictures of drawn people to validate on."""
    return write_yolo_dataset(tmp_path / "people", train=1, val=4, settings=SceneSettings(size=(96, 96)))


def row_of(name, **values):
    return dict.fromkeys(COLUMNS) | {"Format": name, "Status": "ok"} | values


@pytest.fixture
def table(tmp_path):
    """A table of a format that was measured and of two that were not."""
    fast = {"Inference time (ms/im)": 12.345678, "Preprocess (ms/im)": 0.25, "Postprocess (ms/im)": 0.5, "FPS": 81.0}
    rows = [
        row_of("onnx", **fast, **{"Size (MB)": 11.66, "metrics/mAP50-95(P)": 0.4321, "Parity (px)": 0.00012}),
        row_of("openvino", Status='not installed: pip install "posekit[openvino]"'),
        row_of("tfjs", Status="written; posekit runs no tfjs files", **{"Size (MB)": 12.0}),
    ]
    return Benchmark(title="a network: one | thread", task="pose", folder=tmp_path, rows=rows)


def test_a_format_stands_beside_pytorch_and_a_runtime_that_crashes_has_a_row(here, people, tmp_path, monkeypatch):
    (tmp_path / "crashing").mkdir()
    (tmp_path / "crashing" / "openvino.py").write_text(CRASHING)
    monkeypatch.syspath_prepend(tmp_path / "crashing")
    table = YOLO("figures-pose.pt").benchmark(data=people, imgsz=96, format=["torchscript", "openvino"], verbose=False)
    assert [list(row) for row in table.rows] == [COLUMNS] * 3
    pytorch, torchscript, openvino = table.rows
    assert [row["Format"] for row in table.rows] == ["pytorch", "torchscript", "openvino"]
    assert (pytorch["Status"], torchscript["Status"]) == ("ok", "ok")
    assert openvino["Status"].startswith("failed: the process was ended")
    assert [openvino[key] for key in COLUMNS[2:]] == [None] * 7
    for row in (pytorch, torchscript):
        assert row["Size (MB)"] > 5
        assert row["FPS"] == pytest.approx(1000 / row["Inference time (ms/im)"])
        assert min(row["Preprocess (ms/im)"], row["Postprocess (ms/im)"]) > 0
    assert pytorch["Parity (px)"] is None
    assert 0 <= torchscript["Parity (px)"] < 0.5
    assert torchscript["metrics/mAP50-95(P)"] == pytest.approx(pytorch["metrics/mAP50-95(P)"], abs=0.003)
    written = {path.name for path in (here / "runs" / "pose" / "benchmark").iterdir()}
    assert written == {"benchmark.csv", "benchmark.md", "benchmark.png", "figures-pose.torchscript"}
    assert [path.name for path in here.iterdir()] == ["runs"]
    assert table.title.startswith("figures-pose: imgsz 96, batch 1, 32 bits, 4 pictures of data.yaml; ")


def test_people_are_drawn_where_no_data_is_known_and_no_accuracy_is_told_of_other_keypoints(weights, here, caplog):
    model = YOLO(weights(kpt_shape=(5, 2)))
    with caplog.at_level(logging.WARNING):
        table = model.benchmark(imgsz=64, format="torchscript", int8=True, verbose=False)
    assert "taking drawn people, and no accuracy: they have other keypoints" in caplog.text
    assert (table.rows[0]["Status"], table.rows[0]["metrics/mAP50-95(P)"]) == ("ok", None)
    assert table.rows[0]["FPS"] > 0


def test_a_mistake_in_the_data_is_told_once_and_before_anything_is_written(pose_model, here):
    with pytest.raises(DatasetNotFoundError, match="nowhere"):
        pose_model.benchmark(data="nowhere.yaml", format="torchscript")
    assert list(here.iterdir()) == []


def test_an_exported_file_is_refused(weights, here):
    file = YOLO(weights()).export(format="torchscript", imgsz=64, check=False)
    with pytest.raises(ExportedModelError, match="benchmark takes a network in PyTorch"):
        YOLO(file).benchmark()


def test_the_table_is_text_markdown_csv_and_a_data_frame(table):
    title, header, onnx, openvino, tfjs = str(table).splitlines()
    assert title == table.title
    assert " ".join(header.split()) == "Format mAP50-95(P) MB pre ms infer ms post ms FPS parity px Status"
    assert onnx.split() == ["onnx", "0.4321", "11.7", "0.25", "12.35", "0.50", "81.0", "0.0001", "ok"]
    assert openvino.endswith('-  not installed: pip install "posekit[openvino]"')
    assert tfjs.index("written;") == onnx.index("ok") == header.index("Status")
    assert "| onnx | 0.4321 | 11.7 | 0.25 | 12.35 | 0.50 | 81.0 | 0.0001 | ok |" in table.markdown().splitlines()
    assert [row["Format"] for row in csv.DictReader(table.to_csv().splitlines())] == ["onnx", "openvino", "tfjs"]
    assert table.summary()[0]["Inference time (ms/im)"] == 12.34568
    frame = table.to_df()
    assert list(frame.columns) == COLUMNS


@pytest.mark.parametrize("measured", [3, 0])
def test_the_chart_is_drawn_whether_something_was_measured_or_not(table, tmp_path, measured):
    table.rows = table.rows[:1] * measured + table.rows[1:]
    table.save()
    height, width = cv2.imread(str(tmp_path / "benchmark.png")).shape[:2]
    assert width > height > 300


def test_the_accuracy_is_that_of_the_task():
    assert [score_key(task)[-3:] for task in ("detect", "segment", "pose", "multitask")] == ["(B)", "(M)", "(P)", "(P)"]


def test_formats_are_named_in_a_list_or_a_text():
    assert BenchmarkSettings(format="onnx, OpenVINO").format == ("onnx", "openvino")
    assert BenchmarkSettings(format=["ncnn"]).format == ("ncnn",)
    assert BenchmarkSettings(format="").format is None
    with pytest.raises(SettingError, match=r"format='onx' is not known: .* did you mean onnx"):
        BenchmarkSettings(format="torchscript,onx")
    with pytest.raises(SettingTypeError, match="imgsz"):
        BenchmarkSettings(imgsz=[320, 640])


@pytest.mark.parametrize(("said", "threads"), [("3", 3), ("4,2", 4), ("", None), ("many", None), ("0", None)])
def test_all_runtimes_take_the_threads_that_pytorch_takes(monkeypatch, said, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert wanted_threads() == threads


def test_the_processor_has_a_name():
    assert processor_name()
