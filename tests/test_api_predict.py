"""`YOLO.predict`: settings, what comes back, what is kept between calls, and what is left alone."""

import logging
import random
import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
import torch

import posekit
from golden.fill import image
from posekit import YOLO
from posekit.engine.predictor import Predictor
from posekit.errors import DisplayError, SettingError, SettingTypeError, SourceNotFoundError, UnknownSettingError


@pytest.fixture
def quiet(pose_model):
    """Return a function that predicts on one picture, in silence."""
    return lambda source, **settings: pose_model(source, verbose=False, **settings)[0]


def boxes_of(results):
    return [result.boxes.data for result in results]


def assert_equal_results(first, second, tolerance=0.0):
    for one, other in zip(boxes_of(first), boxes_of(second), strict=True):
        assert len(one)
        torch.testing.assert_close(one, other, atol=tolerance, rtol=0)


def test_a_result_holds_everything_in_pixels_of_the_picture(quiet, picture):
    result = quiet(picture)
    assert np.shares_memory(result.orig_img, picture)
    assert (result.orig_shape, result.path, result.names) == ((96, 128), "image0.jpg", {0: "person"})
    assert result.boxes.shape == (len(result), 6)
    assert result.keypoints.shape == (len(result), 17, 3)
    assert (result.masks, result.probs, result.obb, result.save_dir) == (None,) * 4
    assert (result.boxes.xyxyn <= 1).all()
    assert (result.boxes.conf > 0.25).all()
    assert ((result.keypoints.conf >= 0) & (result.keypoints.conf <= 1)).all()
    assert set(result.speed) == {"preprocess", "inference", "postprocess"}
    assert all(milliseconds > 0 for milliseconds in result.speed.values())


@pytest.mark.parametrize("kpt_shape", [(17, 3), (4, 2)])
def test_without_detections_the_parts_are_empty_and_keep_their_shapes(weights, picture, kpt_shape):
    result = YOLO(weights(kpt_shape=kpt_shape))(picture, conf=1.0, verbose=False)[0]
    assert len(result) == 0
    assert result.boxes.shape == (0, 6)
    assert result.keypoints.shape == (0, *kpt_shape)
    assert result.keypoints.xy.shape == (0, kpt_shape[0], 2)
    assert result.keypoints.conf is None if kpt_shape[1] == 2 else result.keypoints.conf.shape == (0, kpt_shape[0])
    assert result.verbose() == "(no detections), "
    assert result.summary() == []


def test_segments_have_masks_or_none_at_all(weights, picture):
    model = YOLO(weights("yolov8n-seg"))
    result = model(picture, verbose=False, imgsz=96)[0]
    assert result.masks.data.shape == (len(result), 96, 96)
    assert result.keypoints is None
    assert model(picture, retina_masks=True, verbose=False)[0].masks.data.shape[1:] == (96, 128)
    assert model(picture, conf=1.0, verbose=False)[0].masks is None


def test_results_are_ordinary_tensors_that_may_be_changed_and_computed_with(quiet, picture, pose_model):
    result = quiet(picture)
    result.boxes.data[:, 0] += 1
    result.keypoints.data[..., 0] *= 2
    vector = pose_model.embed(picture, verbose=False)[0]
    (torch.nn.Parameter(torch.ones_like(vector)) * vector).sum().backward()
    assert not result.boxes.data.is_inference()


def test_a_call_beats_method_defaults_which_beat_what_is_remembered(pose_model, picture):
    pose_model.overrides |= {"conf": 0.9, "max_det": 2, "imgsz": 64, "line_thickness": 5}
    pose_model(picture, verbose=False)
    args = pose_model.predictor.args
    assert (args.conf, args.max_det, args.imgsz, args.line_width) == (0.25, 2, (64, 64), 5)
    pose_model(picture, verbose=False, conf=0.5, max_det=1, imgsz=32)
    args = pose_model.predictor.args
    assert (args.conf, args.max_det, args.imgsz, args.iou) == (0.5, 1, (32, 32), 0.7)
    pose_model(picture, verbose=False, imgsz=None)
    assert pose_model.predictor.args.imgsz == (64, 64)


def test_settings_of_a_file_beat_defaults_and_lose_to_the_call(here, pose_model, picture):
    (here / "my.yaml").write_text("conf: 0.6\nmax_det: 3\n")
    pose_model(picture, verbose=False, cfg="my.yaml", max_det=1)
    assert (pose_model.predictor.args.conf, pose_model.predictor.args.max_det) == (0.6, 1)


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"cnf": 0.3}, UnknownSettingError, r"did you mean conf=0\.25"),
        ({"conf": 1.5}, SettingError, "from 0 to 1"),
        ({"conf": "high"}, SettingTypeError, "conf='high'"),
        ({"batch": 0}, SettingError, "batch"),
        ({"embed": [99]}, SettingError, "from 0 to 21"),
        ({"nms": False}, SettingError, "only the one2many branches.*nms=True"),
        ({"device": "xpu"}, SettingError, "cpu, mps and CUDA"),
    ],
)
def test_a_wrong_setting_is_an_error_before_anything_runs(pose_model, picture, settings, error, text):
    with pytest.raises(error, match=text):
        pose_model(picture, **settings)
    assert len(pose_model(picture, verbose=False)[0])


def test_an_unknown_keyword_is_caught_as_syntax_error(pose_model, picture):
    with pytest.raises(SyntaxError):
        pose_model.predict(picture, confidence=0.3)


@pytest.mark.parametrize(
    ("imgsz", "network"),
    [(64, (64, 64)), ([64, 96], (64, 96)), ((50, 33), (64, 64)), (1, (32, 32)), (None, (128, 128))],
)
def test_input_sizes_are_rounded_up_to_the_stride(pose_model, picture, imgsz, network):
    shapes = []
    pose_model.add_callback("on_predict_batch_start", lambda predictor: shapes.append(predictor.args.imgsz))
    pose_model(picture, imgsz=imgsz, rect=False, verbose=False)
    assert shapes == [network]


def test_a_rounded_size_is_said_once_and_not_for_every_picture(pose_model, gallery, caplog):
    pose_model(gallery, imgsz=50, verbose=False)
    assert caplog.text.count("imgsz=50 is no multiple of the stride 32: rounded up to 64") == 1


def test_a_network_with_four_levels_asks_for_multiples_of_64(weights, picture):
    model = YOLO(weights("yolov8n-pose-p6"))
    assert model.strides == (8, 16, 32, 64)
    model(picture, imgsz=96, verbose=False)
    assert model.predictor.args.imgsz == (128, 128)
    with pytest.raises(ValueError, match="must be multiples of 64 for this model"):
        model(torch.zeros(1, 3, 96, 96))


def test_rect_pads_only_to_the_stride(pose_model, caplog):
    caplog.set_level(logging.INFO, "posekit")
    wide = image(60, 200, 0)
    pose_model(wide, imgsz=96)
    pose_model(wide, imgsz=96, rect=False)
    assert "0: 32x96 " in caplog.text
    assert "0: 96x96 " in caplog.text


def test_classes_confidence_and_number_limit_what_is_found(weights, picture):
    model = YOLO(weights(nc=3))

    def found(**settings):
        return model(picture, verbose=False, **{"conf": 0.01, **settings})[0].boxes

    every = found()
    assert len(set(every.cls.tolist())) > 1
    number = int(every.cls[0])
    assert set(found(classes=number).cls.tolist()) == set(found(classes=[number]).cls.tolist()) == {number}
    assert len(found(max_det=2)) == 2
    torch.testing.assert_close(found(max_det=2).data, every.data[:2])
    threshold = float(every.conf[len(every) // 2])
    assert len(found(conf=threshold)) == int((every.conf > threshold).sum())
    assert len(found(iou=0.1)) < len(every)
    assert len(found(agnostic_nms=True)) <= len(every)


def test_augmentation_is_for_detectors_and_otherwise_a_warning(weights, pose_model, picture, gallery, caplog):
    detector = YOLO(weights("yolov8n"))
    plain, augmented = (boxes_of(detector(picture, augment=on, verbose=False))[0] for on in (False, True))
    assert plain.shape != augmented.shape or not torch.allclose(plain, augmented)
    assert caplog.text == ""
    pose = pose_model(gallery, augment=True, verbose=False)
    assert caplog.text.count("augment=True works for detect models") == 1
    assert_equal_results(pose, pose_model(gallery, verbose=False))


def test_half_precision_on_the_cpu_is_a_warning(pose_model, picture, caplog):
    first = pose_model(picture, half=True, verbose=False)
    second = pose_model(picture, verbose=False)
    assert caplog.text.count("16-bit arithmetic needs an accelerator") == 1
    assert_equal_results(first, second)


@pytest.mark.parametrize("batch", [2, 4])
def test_a_batch_gives_the_numbers_of_its_pictures_alone(pose_model, gallery, batch):
    alone = pose_model(gallery, verbose=False)
    assert len(pose_model.predictor.batch[0]) == 1
    assert_equal_results(pose_model(gallery, batch=batch, verbose=False), alone, tolerance=1e-3)
    assert len(pose_model.predictor.batch[0]) == (1 if batch == 2 else 3)
    assert_equal_results(pose_model([result.orig_img for result in alone], verbose=False), alone, tolerance=1e-3)


def test_pictures_of_several_shapes_in_a_batch_are_padded_to_the_whole_input(pose_model):
    sources = [image(96, 128, 0), image(128, 96, 1)]
    together = pose_model(sources, imgsz=128, verbose=False)
    padded = [pose_model(source, imgsz=128, rect=False, verbose=False)[0] for source in sources]
    assert_equal_results(together, padded, tolerance=1e-3)
    assert [result.orig_shape for result in together] == [(96, 128), (128, 96)]


def test_embeddings_are_one_vector_per_picture(pose_model):
    sources = [image(96, 128, number) for number in range(3)]
    vectors = pose_model.embed(sources, verbose=False)
    layers = pose_model.model.model
    assert [vector.shape for vector in vectors] == [(layers[-2].cv2.conv.out_channels,)] * 3
    assert not torch.allclose(vectors[0], vectors[1])
    joined = pose_model.predict(sources[0], embed=[0, 1], verbose=False)[0]
    assert joined.shape == (layers[0].conv.out_channels + layers[1].conv.out_channels,)
    torch.testing.assert_close(next(pose_model.predict(sources[0], embed=[0], stream=True)), joined[:8])


def test_the_predictor_is_kept_while_its_set_up_stays(weights, picture):
    model = YOLO(weights("yolo26n-pose"))
    model(picture, verbose=False)
    kept, network = model.predictor, model.predictor.model
    model(picture, conf=0.4, imgsz=64, max_det=3, verbose=False, device="cpu")
    assert model.predictor is kept
    assert model.predictor.model is network
    model(picture, nms=False, verbose=False)
    assert model.predictor is not kept
    kept = model.predictor
    model.load(weights("yolo26n-pose", seed=5))
    model(picture, nms=False, verbose=False)
    assert model.predictor is not kept


def test_a_predictor_of_ones_own_is_used(pose_model, picture):
    class Counting(Predictor):
        """Counts its runs."""

        runs = 0

        def stream(self, run):
            self.runs += 1
            return super().stream(run)

    for _ in range(2):
        pose_model.predict(picture, predictor=Counting, verbose=False)
    assert pose_model.predictor.runs == 2
    pose_model(picture, verbose=False)
    assert type(pose_model.predictor) is Predictor


def test_either_head_of_yolo26_predicts_whenever_it_is_asked_for(weights, picture):
    model = YOLO(weights("yolo26n-pose"))
    dense = [model(picture, verbose=False) for _ in range(2)]
    free = model(picture, nms=False, verbose=False)
    assert_equal_results(*dense)
    assert_equal_results(dense[0], model(picture, nms=True, verbose=False))
    assert boxes_of(free)[0].shape != boxes_of(dense[0])[0].shape or not torch.allclose(
        boxes_of(free)[0], boxes_of(dense[0])[0]
    )
    with pytest.raises(SettingError, match="only the one2many branches"):
        model.fuse()(picture, nms=False)
    model = YOLO(weights("yolo26n-pose"))
    model.overrides["nms"] = False
    assert_equal_results(model.fuse()(picture, verbose=False), free, tolerance=1e-3)


def test_changes_to_weights_and_names_count_at_once(pose_model, picture):
    assert len(pose_model(picture, verbose=False)[0])
    pose_model.model.names = {0: "human"}
    assert pose_model(picture, verbose=False)[0].names == {0: "human"}
    with torch.no_grad():
        for level in pose_model.model.head.cv3:
            level[2].bias -= 50
    assert len(pose_model(picture, verbose=False)[0]) == 0
    pose_model.reset_weights()
    assert pose_model(picture, verbose=False)[0].names == {0: "human"}


def test_training_mode_of_the_network_neither_counts_nor_changes(pose_model, picture):
    before = pose_model(picture, verbose=False)
    pose_model.model.train()
    assert_equal_results(before, pose_model(picture, verbose=False))
    assert pose_model.model.training


def test_the_state_of_the_program_is_left_alone(here, weights, gallery):
    def state():
        return (
            torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_num_threads(),
            torch.get_default_dtype(), torch.get_rng_state().tolist(), random.getstate(),
            np.random.get_state()[1].tolist(), np.random.get_state()[2], threading.active_count(),
        )  # fmt: skip

    before = state()
    stream = YOLO(weights())(gallery, stream=True, verbose=False, save=True, save_txt=True, save_crop=True)
    next(stream)
    assert state()[:-1] == before[:-1]
    list(stream)
    assert state() == before


def test_two_models_at_once_do_not_disturb_each_other(weights, gallery):
    models = [YOLO(weights(seed=1)), YOLO(weights(seed=2))]
    alone = [model(gallery, verbose=False) for model in models]
    streams = [model(gallery, stream=True, verbose=False) for model in models]
    for first, second, expected, other in zip(*streams, *alone, strict=True):
        assert_equal_results([first, second], [expected, other])


def test_one_model_runs_two_streams_side_by_side(pose_model, gallery):
    expected = pose_model(gallery, conf=0.2, verbose=False)
    first = pose_model(gallery, conf=0.2, stream=True, verbose=False)
    second = pose_model(gallery, imgsz=64, conf=1.0, stream=True, verbose=False)
    for one, other, alone in zip(first, second, expected, strict=True):
        assert_equal_results([one], [alone])
        assert len(other) == 0


def test_console_lines_tell_place_size_objects_and_times(pose_model, gallery, caplog):
    caplog.set_level(logging.INFO, "posekit")
    pose_model(gallery)
    *pictures, last = caplog.messages
    assert len(pictures) == 3
    for number, line in enumerate(pictures):
        place = re.escape(f"image {number + 1}/3 {gallery / f'p{number}.png'}")
        assert re.fullmatch(rf"{place}: 96x128 (\d+ persons?|\(no detections\)), \d+\.\dms", line)
    assert re.fullmatch(
        r"Speed: .*ms preprocess, .*ms inference, .*ms postprocess per image at shape \(1, 3, 96, 128\)", last
    )


def test_frames_are_numbered_within_their_video(pose_model, video, caplog):
    caplog.set_level(logging.INFO, "posekit")
    pose_model(video)
    warning, first, *_ = caplog.messages
    assert "results of all frames are kept in memory: use stream=True" in warning
    assert first.startswith(f"video 1/1 (frame 1/8) {video}: 96x128 ")
    caplog.clear()
    list(pose_model(video, stream=True, verbose=False))
    assert caplog.messages == []


def test_arrays_are_numbered_and_silence_is_silence(pose_model, picture, caplog):
    caplog.set_level(logging.INFO, "posekit")
    pose_model([picture, picture], imgsz=64, conf=1.0)
    assert [message.rpartition(", ")[0] for message in caplog.messages[:2]] == [
        "0: 64x64 (no detections)", "1: 64x64 (no detections)",
    ]  # fmt: skip
    caplog.clear()
    pose_model(picture, verbose=False)
    assert caplog.messages == []


def test_without_a_screen_showing_is_one_error_before_anything_is_done(here, pose_model, gallery, monkeypatch):
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    started = []
    pose_model.add_callback("on_predict_start", started.append)
    with pytest.raises(DisplayError, match="no screen to show pictures on"):
        pose_model(gallery, stream=True, show=True, save=True, verbose=False)
    assert (started, list(here.iterdir())) == ([], [])
    assert len(pose_model(gallery, verbose=False)) == 3


def test_a_missing_source_is_an_error_at_the_call_even_when_streaming(pose_model):
    with pytest.raises(SourceNotFoundError, match=r"missing\.jpg"):
        pose_model("missing.jpg", stream=True)


def test_supervision_reads_real_predictions(weights, picture):
    result = YOLO(weights(nc=2))(picture, verbose=False)[0]
    detections, keypoints = sv.Detections.from_ultralytics(result), sv.KeyPoints.from_ultralytics(result)
    np.testing.assert_array_equal(detections.xyxy, result.boxes.xyxy.numpy())
    np.testing.assert_array_equal(keypoints.xy, result.keypoints.xy.numpy())
    assert detections.data["class_name"].tolist() == [result.names[int(number)] for number in result.boxes.cls]
    carried = result.to_supervision()
    assert carried.data["keypoints"].shape == (len(result), 17, 3)
    annotated = sv.BoxAnnotator().annotate(picture.copy(), detections)
    assert (annotated != picture).any()


def test_supervision_reads_masks_and_empty_predictions(weights, picture):
    segments = sv.Detections.from_ultralytics(YOLO(weights("yolov8n-seg"))(picture, verbose=False)[0])
    assert segments.mask.shape == (len(segments), 96, 128)
    empty = YOLO(weights())(picture, conf=1.0, verbose=False)[0]
    assert len(sv.Detections.from_ultralytics(empty)) == 0
    assert sv.KeyPoints.from_ultralytics(empty).is_empty()


def test_a_warm_call_goes_through_few_files(pose_model, picture):
    """What a call costs is seen in one sitting: a chapter per step, not a crumb per line."""
    package, files = str(Path(posekit.__file__).parent), set()

    def note(frame, event, argument):
        if event == "call" and frame.f_code.co_filename.startswith(package):
            files.add(frame.f_code.co_filename)

    pose_model(picture, verbose=False)
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        pose_model(picture, verbose=False)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert len(files) <= 30
