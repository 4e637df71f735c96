"""The prediction loop: what a run opens, reads ahead, leaves behind and shows, and how runs follow each other."""

import threading
from pathlib import Path

import numpy as np
import pytest

from posekit.config.settings import PredictSettings
from posekit.data.figures.scene import FigureSource
from posekit.engine.predictor import DEFAULT_SOURCE, Display, Predictor, open_run, prepared_batches, results_list
from posekit.errors import DisplayError
from posekit.io.open_source import open_source
from posekit.viz.window import LiveWindow


@pytest.fixture
def predictor(pose_model, picture):
    pose_model(picture, verbose=False)
    made = Predictor()
    made.model = pose_model.predictor.model
    return made


def run_over(source, **settings):
    return open_run(PredictSettings(**{"imgsz": 128, "conf": 0.1, "verbose": False, **settings}), source)


def test_a_new_predictor_is_idle_and_empty(predictor):
    assert (predictor.running, predictor.seen, predictor.results, predictor.dataset) == (False, 0, [], None)
    assert predictor.batch == ([], [], [])


def test_a_run_leaves_counts_and_times_and_the_next_forgets_them(here, predictor, gallery, picture):
    assert len(list(predictor.stream(run_over(gallery, batch=2, save=True)))) == 3
    assert predictor.seen == 3
    assert set(predictor.speed) == {"preprocess", "inference", "postprocess"}
    assert Path(predictor.save_dir) == Path("runs/pose/predict")
    (result,) = predictor.stream(run_over(picture))
    assert (predictor.seen, predictor.save_dir) == (1, None)
    assert predictor.speed == pytest.approx(result.speed)


def test_the_mean_times_weigh_every_picture_equally(predictor, gallery):
    results = list(predictor.stream(run_over(gallery, batch=2)))
    for stage, mean in predictor.speed.items():
        assert mean == pytest.approx(sum(result.speed[stage] for result in results) / 3)


def test_it_is_running_from_the_call_to_the_end(predictor, gallery):
    stream = predictor.stream(run_over(gallery))
    assert predictor.running
    list(stream)
    assert not predictor.running


def test_each_result_is_given_out_before_the_next_batch_is_begun(predictor, gallery):
    for count, _ in enumerate(predictor.stream(run_over(gallery)), start=1):
        assert predictor.seen == count


def test_the_folder_of_a_run_is_made_of_setting_task_project_and_name(here, tmp_path, predictor, picture):
    for settings in ({}, {"project": "trial", "name": "first"}, {"project": str(tmp_path / "far"), "name": "7"}):
        list(predictor.stream(run_over(picture, save=True, **settings)))
    assert Path("runs/pose/predict/image0.jpg").is_file()
    assert Path("runs/pose/trial/first/image0.jpg").is_file()
    assert (tmp_path / "far" / "7" / "image0.jpg").is_file()


def test_feature_maps_are_saved_for_every_picture_and_layer(here, predictor, gallery):
    list(predictor.stream(run_over(gallery, visualize=True)))
    folder = Path(predictor.save_dir)
    layers = len(predictor.model.network.model) - 1
    assert sorted(path.name for path in folder.iterdir()) == ["p0", "p1", "p2"]
    assert [len(list(one.iterdir())) for one in folder.iterdir()] == [layers] * 3


def test_without_a_source_the_default_is_opened(caplog):
    run = open_run(PredictSettings(), None)
    assert run.source.count == 8
    assert f"source='{DEFAULT_SOURCE}'" in caplog.text


def test_only_lists_of_frames_come_with_a_warning(gallery, video, caplog):
    assert results_list(iter(()), run_over(gallery).source) == []
    assert caplog.text == ""
    results_list(iter(()), run_over(video).source)
    assert "use stream=True" in caplog.text


@pytest.mark.parametrize("source", ["figures", "figures:2:5", None])
def test_figures_are_made_scenes_also_when_nothing_is_named(here, source):
    assert isinstance(open_run(PredictSettings(), source).source, FigureSource)


def test_a_folder_of_that_name_is_preferred(here, gallery):
    gallery.rename(here / "figures")
    assert not isinstance(open_run(PredictSettings(), "figures").source, FigureSource)


@pytest.fixture
def inference(pose_model, picture):
    pose_model(picture, verbose=False)
    return pose_model.predictor.model, pose_model.predictor.args


@pytest.fixture
def open_batches(inference, tmp_path):
    return lambda source, **options: prepared_batches(open_source(source, download_dir=tmp_path, **options), *inference)


def background():
    return [thread for thread in threading.enumerate() if thread.name == "posekit prefetch"]


def test_every_picture_comes_once_in_order_with_its_time(open_batches, gallery):
    with open_batches(gallery, batch=2) as batches:
        ready = list(batches)
    names = [[sample.path.rpartition("/")[2] for sample in one.batch.samples] for one in ready]
    assert names == [["p0.png", "p1.png"], ["p2.png"]]
    assert [tuple(one.batch.images.shape) for one in ready] == [(2, 3, 96, 128), (1, 3, 96, 128)]
    assert min(one.milliseconds for one in ready) > 0


def test_several_pictures_are_read_in_the_background_until_the_context_ends(open_batches, video):
    with open_batches(video) as batches:
        next(iter(batches))
        assert len(background()) == 1
    assert background() == []


def test_a_single_picture_needs_no_thread(open_batches, picture):
    with open_batches(picture) as batches:
        assert len(list(batches)) == 1
        assert background() == []


PICTURE = np.zeros((20, 30, 3), np.uint8)


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch):
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("sys.platform", "linux")


@pytest.mark.parametrize("moving", [False, True])
def test_without_a_screen_nothing_can_be_shown(moving):
    with Display() as display, pytest.raises(DisplayError, match="save"):
        display.show(PICTURE, moving=moving)
    assert not display.stopped


def test_a_window_that_cannot_be_opened_says_what_to_do_instead():
    with pytest.raises(DisplayError, match="save"):
        LiveWindow("posekit")
