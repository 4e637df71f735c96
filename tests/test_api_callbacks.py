"""Callbacks: when they are called, what they see, and what they may change."""

import logging
from pathlib import Path

import pytest

from posekit.engine.callbacks import PREDICT_EVENTS
from posekit.errors import ShapeError, UnknownChoiceError
from posekit.results.results import Results


@pytest.fixture
def events(pose_model):
    """Record every event of prediction on the model."""
    happened = []
    for event in PREDICT_EVENTS:
        pose_model.add_callback(event, lambda predictor, event=event: happened.append(event))
    return happened


def test_events_come_in_order(pose_model, gallery, events):
    pose_model(gallery, batch=2, verbose=False)
    batch = ["on_predict_batch_start", "on_predict_postprocess_end", "on_predict_batch_end"]
    assert events == ["on_predict_start", *batch, *batch, "on_predict_end"]


def test_a_closed_stream_has_no_end(pose_model, gallery, events):
    stream = pose_model(gallery, stream=True, verbose=False)
    assert events == []
    next(stream)
    stream.close()
    assert events[-1] == "on_predict_batch_end"


def test_the_predictor_tells_everything_about_the_batch(here, pose_model, gallery):
    seen = {}

    def start(predictor):
        seen["places"] = list(predictor.batch[2])
        assert (predictor.results, predictor.seen, predictor.save_dir) == ([], 0, None)

    def end(predictor):
        paths, pictures, texts = predictor.batch
        seen["paths"] = [Path(path).name for path in paths]
        seen["shapes"] = [picture.shape for picture in pictures]
        seen["texts"] = texts
        assert all(isinstance(result, Results) for result in predictor.results)
        assert predictor.seen == 3
        assert min(predictor.speed.values()) > 0
        assert predictor.dataset.count == 3
        assert (predictor.args.conf, predictor.args.save) == (0.1, True)
        assert Path(predictor.save_dir).is_dir()

    pose_model.add_callback("on_predict_batch_start", start)
    pose_model.add_callback("on_predict_batch_end", end)
    pose_model(gallery, batch=3, conf=0.1, save=True, verbose=False)
    assert seen["places"] == [f"image {number + 1}/3 {gallery / f'p{number}.png'}" for number in range(3)]
    assert seen["paths"] == ["p0.png", "p1.png", "p2.png"]
    assert seen["shapes"] == [(96, 128, 3)] * 3
    assert [
        text.startswith(f"{place}: 96x128 ") for text, place in zip(seen["texts"], seen["places"], strict=True)
    ] == [True] * 3


def test_entries_may_be_replaced_and_that_is_what_is_saved_and_given_back(here, pose_model, picture):
    def keep_first(predictor):
        predictor.results[:] = [result[:1] for result in predictor.results]

    pose_model.add_callback("on_predict_postprocess_end", keep_first)
    (result,) = pose_model(picture, conf=0.1, save_txt=True, verbose=False)
    assert len(result) == 1
    (labels,) = Path(result.save_dir, "labels").iterdir()
    assert len(labels.read_text().splitlines()) == 1


def test_a_result_of_ones_own_may_take_the_place_of_another(pose_model, picture, caplog):
    caplog.set_level(logging.INFO, "posekit")

    def replace(predictor):
        predictor.results = [Results(picture, "mine", {0: "person"})]

    pose_model.add_callback("on_predict_postprocess_end", replace)
    assert pose_model(picture)[0].path == "mine"
    assert caplog.messages[0] == "0: 96x128 (no detections), 0.0ms"


def test_too_few_results_are_an_error(pose_model, gallery):
    pose_model.add_callback("on_predict_postprocess_end", lambda predictor: predictor.results.pop())
    with pytest.raises(ShapeError, match="left 2 results for a batch of 3 pictures"):
        pose_model(gallery, batch=3, verbose=False)


def test_several_functions_are_called_in_order_and_may_remove_themselves(pose_model, picture):
    called = []

    def once(predictor):
        called.append("once")
        pose_model.callbacks["on_predict_end"].remove(once)

    pose_model.add_callback("on_predict_end", once)
    pose_model.add_callback("on_predict_end", lambda predictor: called.append("always"))
    for _ in range(2):
        pose_model(picture, verbose=False)
    assert called == ["once", "always", "always"]


def test_functions_added_after_a_first_prediction_count(pose_model, picture):
    pose_model(picture, verbose=False)
    kept, called = pose_model.predictor, []
    pose_model.add_callback("on_predict_end", called.append)
    pose_model(picture, verbose=False)
    assert called == [kept]


def test_functions_are_removed_one_event_or_all_at_a_time(pose_model, picture, events):
    pose_model.clear_callback("on_predict_start")
    pose_model.clear_callback("on_predict_start")
    pose_model(picture, verbose=False)
    assert events[0] == "on_predict_batch_start"
    events.clear()
    pose_model.reset_callbacks()
    pose_model(picture, verbose=False)
    assert events == []


@pytest.mark.parametrize(
    ("event", "hint"), [("on_predict_strat", "did you mean 'on_predict_start'"), ("xyz", "known are on_predict_start")]
)
def test_an_unknown_event_is_an_error_with_the_nearest(pose_model, event, hint):
    for method in (lambda: pose_model.add_callback(event, print), lambda: pose_model.clear_callback(event)):
        with pytest.raises(UnknownChoiceError, match=hint):
            method()


def test_events_of_later_modes_may_be_hung_on_already(pose_model):
    pose_model.add_callback("on_train_epoch_end", print)
    assert pose_model.callbacks == {"on_train_epoch_end": [print]}
