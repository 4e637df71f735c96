"""The table of formats keeps its word: every network in every format that can be written and run here."""

from pathlib import Path

import pytest
import torch

from posekit import YOLO
from posekit.config.settings import FORMATS as NAMES
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.errors import SettingError
from posekit.export.formats import EVERY_RUN, FORMATS, support_table
from small_networks import find_something

# What converters import warns of what Python or PyTorch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore")
NETWORKS = {
    "figures-pose.pt": {"imgsz": 160},
    "yolo11n-multitask.yaml": {"imgsz": 96},
    "rfdetr-pose-nano.yaml": {"imgsz": 128},
}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled")
    write_yolo_dataset(folder, train=1, val=3, seed=0)
    return str(folder / "data.yaml")


@pytest.mark.parametrize("form", [form for form in FORMATS.values() if form.checked == EVERY_RUN], ids=lambda f: f.name)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_written_checked_and_validated(name, form, labelled, here):
    for package in form.packages:
        pytest.importorskip(package)
    model = YOLO(name)
    if name.startswith("yolo"):
        with torch.no_grad():
            find_something(model.model)
    if name.startswith("rfdetr") and form.no_queries:
        with pytest.raises(SettingError, match=form.no_queries):
            model.export(format=form.name, **NETWORKS[name])
        return
    file = model.export(format=form.name, conf=0.001, **NETWORKS[name])
    assert Path(file).exists()
    again = YOLO(file)
    assert (again.task, again.names, again.loaded.schema) == (model.task, model.names, model.loaded.schema)
    facts = again.loaded.facts
    ranked = facts.selection == "rank" or facts.layout == "rows"
    theirs = {"imgsz": facts.imgsz[0], "rect": False, "nms": not ranked or None, "verbose": False}
    found = again("figures:2", conf=0.001, max_det=10, verbose=False)
    for one, other in zip(found, model("figures:2", conf=0.001, max_det=10, **theirs), strict=True):
        assert len(one) == len(other) > 0
        # Networks without weights score many places nearly alike, so that rows may trade places.
        torch.testing.assert_close(one.boxes.conf, other.boxes.conf, atol=1e-3, rtol=0)
        if name == "figures-pose.pt":
            torch.testing.assert_close(one.boxes.xyxy, other.boxes.xyxy, atol=0.1, rtol=0)
            torch.testing.assert_close(one.keypoints.data, other.keypoints.data, atol=0.1, rtol=0)
    settings = {"data": labelled, "plots": False, "verbose": False, "workers": 0, "batch": 1}
    scores, expected = again.val(**settings).results_dict, model.val(**settings | theirs).results_dict
    assert scores == pytest.approx(expected, abs=0.01)
    if name == "figures-pose.pt":
        assert scores["metrics/mAP50-95(B)"] > 0.3


def test_the_table_has_the_formats_of_the_setting_in_their_order():
    assert tuple(FORMATS) == NAMES


def test_the_page_holds_the_table_of_the_code():
    page = Path(__file__).parents[2] / "docs" / "export.md"
    assert support_table() in page.read_text(encoding="utf-8")
