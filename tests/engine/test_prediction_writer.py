"""What is asked for is written, under the right name; nothing else is."""

import cv2
import numpy as np
import pytest

from golden.fill import image
from posekit.config.settings import PredictSettings
from posekit.engine.prediction_writer import PredictionWriter, draw, is_moving
from posekit.results.results import Results
from posekit.sample import Origin, Sample

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
