"""The prediction loop, and what it writes."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from golden.fill import image
from posekit.config.settings import PredictSettings
from posekit.data.figures.scene import FigureSource
from posekit.engine.prediction_writer import PredictionWriter, draw, is_moving
from posekit.engine.predictor import DEFAULT_SOURCE, Display, Predictor, open_run, prepared_batches, results_list
from posekit.errors import DisplayError
from posekit.io.open_source import open_source
from posekit.results.results import Results
from posekit.sample import Origin, Sample
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


BOXES = np.array([[10, 10, 50, 60, 0.9, 0], [60, 20, 90, 70, 0.6, 1]], np.float32)


def picture_sample(path="a/street.png"):
    return Sample(image=image(96, 128, 0), path=path, origin=Origin(kind="image", index=1, count=1))


def frame_sample(number, path="clip.mp4"):
    origin = Origin(kind="video", index=1, count=1, frame=number, frames=3, fps=10.0)
    return Sample(image=image(96, 128, number), path=path, origin=origin)


def result_on(sample, boxes=BOXES):
    return Results(sample.image, sample.path, {0: "person", 1: "dog"}, boxes=boxes)


def through_jpeg(picture):
    return cv2.imdecode(cv2.imencode(".jpg", picture)[1], cv2.IMREAD_COLOR)


@pytest.fixture
def write(here):
    """Return a function that writes the results of samples, and gives the files of the run below `base`."""
    base = here / "runs" / "pose"

    def write_all(samples, boxes=BOXES, **wanted):
        settings = PredictSettings(**wanted)
        with PredictionWriter(settings, "pose") as writer:
            for sample in samples:
                result = result_on(sample, boxes)
                writer.write(sample, result, draw(result, settings) if writer.draws(sample) else None)
                assert result.save_dir is None or result.save_dir == str(writer.folder)
        return sorted(path.relative_to(base).as_posix() for path in base.rglob("*") if path.is_file())

    write_all.base = base
    return write_all


def test_nothing_asked_for_is_nothing_written_not_even_a_folder(write):
    assert write([picture_sample(), frame_sample(1)], save_conf=True) == []
    assert not write.base.exists()


def test_a_picture_is_saved_with_its_results_drawn(write):
    sample = picture_sample()
    assert write([sample], save=True) == ["predict/street.jpg"]
    saved = cv2.imread(str(write.base / "predict" / "street.jpg"))
    drawn = draw(result_on(sample), PredictSettings())
    np.testing.assert_array_equal(saved, through_jpeg(drawn))
    assert (saved != through_jpeg(sample.image)).any()


def test_equal_names_are_numbered_and_all_files_of_a_picture_share_theirs(write):
    samples = [picture_sample("a/street.png"), picture_sample("b/street.png")]
    samples[1] = Sample(image=samples[1].image, path="b/street.png", origin=Origin(kind="image", index=2, count=2))
    files = write(samples, save=True, save_txt=True)
    assert files == [
        "predict/labels/street-2.txt", "predict/labels/street.txt", "predict/street-2.jpg", "predict/street.jpg",
    ]  # fmt: skip


def test_a_video_is_one_file_that_can_be_read(write):
    suffix = write([frame_sample(number) for number in (1, 2, 3)], save=True)[0].rpartition(".")[2]
    capture = cv2.VideoCapture(str(write.base / "predict" / f"clip.{suffix}"))
    assert (capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)) == (3, 10)
    capture.release()


def test_frames_labels_and_crops_of_a_video_carry_the_frames_number(write):
    files = write([frame_sample(1), frame_sample(3)], save_frames=True, save_txt=True, save_crop=True)
    assert files == [
        "predict/clip_frames/clip_1.jpg", "predict/clip_frames/clip_3.jpg",
        "predict/crops/dog/clip_1.jpg", "predict/crops/dog/clip_3.jpg",
        "predict/crops/person/clip_1.jpg", "predict/crops/person/clip_3.jpg",
        "predict/labels/clip_1.txt", "predict/labels/clip_3.txt",
    ]  # fmt: skip


def test_pictures_have_no_frames_to_save(write):
    assert write([picture_sample()], save_frames=True) == []


def test_without_detections_there_are_no_labels_and_no_crops(write):
    assert write([picture_sample()], boxes=BOXES[:0], save_txt=True, save_crop=True) == []


def test_label_rows_are_normalised_and_end_with_the_score_when_asked(write):
    write([picture_sample()], save_txt=True, save_conf=True, name="scored")
    first = (write.base / "scored" / "labels" / "street.txt").read_text().splitlines()[0].split()
    assert [float(value) for value in first] == pytest.approx([0, 30 / 128, 35 / 96, 40 / 128, 50 / 96, 0.9], rel=1e-5)


def test_runs_are_numbered_unless_the_folder_may_exist(write):
    for _ in range(3):
        write([picture_sample()], save_txt=True)
    assert sorted(path.name for path in write.base.iterdir()) == ["predict", "predict2", "predict3"]
    files = write([picture_sample()], save_txt=True, exist_ok=True, name="predict2")
    assert files.count("predict2/labels/street.txt") == 1
    assert len((write.base / "predict2" / "labels" / "street.txt").read_text().splitlines()) == len(BOXES)


def test_a_label_file_of_an_older_run_goes_even_when_nothing_is_found_now(write):
    write([picture_sample()], save_txt=True)
    assert write([picture_sample()], boxes=BOXES[:0], save_txt=True, exist_ok=True) == []


def test_drawing_follows_the_settings():
    sample = picture_sample()
    result = result_on(sample)
    bare = draw(result, PredictSettings(show_boxes=False))
    np.testing.assert_array_equal(bare, sample.image)
    pictures = [
        draw(result, PredictSettings(**settings))
        for settings in ({}, {"show_labels": False}, {"show_conf": False}, {"line_width": 9})
    ]
    for index, one in enumerate(pictures):
        assert all((one != other).any() for other in pictures[index + 1 :])


def test_feature_maps_go_into_a_folder_of_the_pictures_name(tmp_path):
    writer = PredictionWriter(PredictSettings(visualize=True, name="maps", project=str(tmp_path)), "pose")
    assert writer.features_folder(picture_sample()) == tmp_path / "maps" / "street"


def test_frames_move_and_pictures_do_not():
    assert [is_moving(picture_sample()), is_moving(frame_sample(1))] == [False, True]
