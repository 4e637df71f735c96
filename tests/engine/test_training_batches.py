"""How many pictures a training takes at a time, and how they come."""

import logging

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posekit import YOLO
from posekit.config.settings import TrainSettings
from posekit.engine.batch_size import (
    SIZES,
    MemoryProfile,
    automatic_batch,
    fit_batch,
    halved_batch,
    profile_memory,
    starting_batch,
    take_trial_step,
)
from posekit.engine.training_batches import TrainingBatches, largest_side, rescaled, smallest_side
from posekit.engine.training_run import open_training
from posekit.errors import SettingError, TrainingError


@pytest.fixture
def batches(here, definition, people):
    """Return a function that gives the batches of an epoch."""
    loaded = YOLO(definition()).loaded

    def make(epoch=0, *, batch=4, joined=True, attempt=0, rank=0, processes=1, **settings):
        chosen = {"data": str(people), "imgsz": 64, "workers": 0, "verbose": False} | settings
        run = open_training(
            TrainSettings(**chosen),
            "pose",
            lambda names, schema: loaded.trainable(
                names=names, schema=schema, pretrained=None, settings=TrainSettings()
            ),
        )
        made = TrainingBatches(run, batch, rank=rank, processes=processes)
        with made.epoch(epoch, joined=joined, attempt=attempt) as given:
            listed = list(given)
        made.close()
        assert len(listed) == len(made)
        return listed

    return make


def paths(batches):
    return [sample.path for batch in batches for sample in batch.samples]


def same(one, other):
    return all(torch.equal(ours.images, theirs.images) for ours, theirs in zip(one, other, strict=True))


def test_each_picture_comes_once_an_epoch_in_another_order(batches):
    first, second = batches(0), batches(1)
    assert [len(batch.images) for batch in first] == [4, 4, 2]
    assert len(set(paths(first))) == 10
    assert paths(first) != paths(second)
    assert set(paths(first)) == set(paths(second))


def test_threads_change_nothing(batches):
    assert same(batches(2), batches(2, workers=3))


def test_seed_epoch_and_attempt_change_what_comes(batches):
    plain = batches(0, joined=False)
    for other in (batches(1, joined=False), batches(0, joined=False, seed=1), batches(0, joined=False, attempt=1)):
        assert not same(plain, other)
    assert same(batches(0, joined=False, attempt=2), batches(0, joined=False, attempt=2))


def test_several_processes_share_the_pictures_and_have_as_many_batches(batches):
    whole = paths(batches(0))
    shares = [paths(batches(0, rank=rank, processes=3)) for rank in range(3)]
    assert [len(share) for share in shares] == [4, 4, 4]
    assert [path for group in zip(*shares, strict=True) for path in group] == [*whole, *whole[:2]]


def test_several_processes_train_on_squares(batches, caplog):
    shapes = {tuple(batch.images.shape[2:]) for batch in batches(0, rect=True, rank=1, processes=2)}
    assert shapes == {(64, 64)}
    assert "rect=True has no effect: several processes train on squares" in caplog.text


@pytest.mark.parametrize("rect", [False, True])
def test_targets_belong_to_their_pictures(batches, rect):
    for batch in batches(0, rect=rect, joined=False):
        assert batch.images.dtype == torch.uint8
        counts = torch.bincount(batch.targets.pictures, minlength=len(batch.images)).tolist()
        assert counts == [len(sample.boxes) for sample in batch.samples]
        assert batch.targets.keypoints.shape[1:] == (17, 3)


def test_without_change_the_side_stays():
    assert (smallest_side(320, 0.0, 32), largest_side(320, 0.0, 32)) == (320, 320)


@given(st.integers(1, 20), st.floats(0.01, 1.0), st.integers(0, 10_000))
def test_sides_lie_between_the_smallest_and_the_largest_on_the_stride(strides, change, seed):
    side = 32 * strides
    images = torch.zeros(1, 1, side, side)
    new = rescaled(images, change, 32, (0, seed), side).shape[-1]
    assert new % 32 == 0
    assert smallest_side(side, change, 32) <= new <= largest_side(side, change, 32)


def test_sizes_follow_from_the_seed_and_all_of_them_come():
    images = torch.zeros(1, 3, 64, 128)
    shapes = [rescaled(images, 0.5, 32, (3, number), 128).shape[2:] for number in range(60)]
    assert shapes == [rescaled(images, 0.5, 32, (3, number), 128).shape[2:] for number in range(60)]
    assert {width for _, width in shapes} == {64, 96, 128, 160, 192}
    assert {(height, width) for height, width in shapes} == {(32, 64), (64, 96), (64, 128), (96, 160), (96, 192)}


def test_pictures_made_in_the_largest_size_are_made_smaller():
    images = torch.zeros(1, 1, 544, 544)
    sides = {rescaled(images, 5 * 32 / 384, 32, (0, number), 384).shape[-1] for number in range(200)}
    assert sides == set(range(224, 545, 32))


def test_what_is_shown_stays_where_it_is():
    images = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    resized = next(
        one for one in (rescaled(images, 0.5, 32, (0, n), 64) for n in range(9)) if one.shape != images.shape
    )
    assert resized[0, 0, 0, -1] == pytest.approx(1.0, abs=0.02)
    assert resized[0, 0].std(0).max() < 1e-6


CPU = torch.device("cpu")


def device_memory(total, *, fixed, each):
    """Return what measures steps on a device of so many bytes."""

    def measure(size):
        if fixed + each * size > total:
            raise torch.OutOfMemoryError(f"{size} pictures")
        return fixed + each * size

    return measure


@given(fixed=st.integers(0, 10_000), each=st.integers(1, 5000), share=st.floats(0.3, 0.95))
def test_the_size_is_the_largest_within_the_share(fixed, each, share):
    total = fixed + 20 * each
    profile = profile_memory(device_memory(total, fixed=fixed, each=each), SIZES)
    size = fit_batch(profile, budget=share * total, limit=10_000)
    exact = (share * total - fixed) / each
    assert size in {max(1, int(exact + error)) for error in (-1e-6, 1e-6)}


def test_a_size_that_failed_is_never_reached():
    profile = profile_memory(device_memory(900, fixed=0, each=100), SIZES)
    assert profile == MemoryProfile(sizes=(1, 2, 4, 8), memory=(100, 200, 400, 800), failed=16)
    assert fit_batch(profile, budget=850, limit=100) == 8
    assert fit_batch(profile, budget=5000, limit=100) == 8
    assert fit_batch(profile, budget=450, limit=100) == 4


@pytest.mark.parametrize(("limit", "expected"), [(5, 5), (10**6, 1024)])
def test_it_is_limited_by_the_pictures_and_by_what_makes_sense(limit, expected):
    profile = profile_memory(device_memory(10**9, fixed=0, each=1), SIZES)
    assert fit_batch(profile, budget=10**9, limit=limit) == expected


def test_one_size_alone_is_taken():
    assert fit_batch(MemoryProfile(sizes=(1,), memory=(100,), failed=2), budget=60, limit=9) == 1


def test_not_one_picture_is_an_error_that_says_what_to_do():
    profile = profile_memory(device_memory(50, fixed=0, each=100), SIZES)
    with pytest.raises(TrainingError, match="lower imgsz"):
        fit_batch(profile, budget=50, limit=9)


def test_memory_that_does_not_grow_gives_the_usual_size(caplog):
    with caplog.at_level(logging.WARNING, logger="posekit"):
        assert fit_batch(MemoryProfile(sizes=SIZES, memory=(9,) * 5), budget=50, limit=99) == 16
    assert "does not grow" in caplog.text


def test_other_errors_of_a_step_come_through():
    def broken(size):
        raise ValueError(f"no data for {size}")

    with pytest.raises(ValueError, match="no data for 1"):
        profile_memory(broken, SIZES)


def test_on_the_processor_nothing_is_measured(caplog):
    def never(size):
        raise AssertionError(f"a step of {size} pictures")

    with caplog.at_level(logging.WARNING, logger="posekit"):
        assert automatic_batch(-1, CPU, images=100, world_size=1, step=never) == 16
    assert "taking batch=16" in caplog.text


def test_several_processes_need_a_number():
    with pytest.raises(SettingError, match=r"batch=0\.7.*several devices"):
        automatic_batch(0.7, CPU, images=100, world_size=2, step=lambda size: None)


@pytest.mark.parametrize(
    ("batch", "halvings", "next_batch"), [(16, 0, 8), (7, 1, 3), (2, 2, 1), (16, 3, None), (1, 0, None)]
)
def test_a_batch_is_halved_three_times_at_most(batch, halvings, next_batch):
    assert halved_batch(batch, halvings) == next_batch


def opened(model, data, task, **settings):
    loaded = YOLO(model).loaded
    return open_training(
        TrainSettings(data=str(data), imgsz=64, verbose=False, **settings),
        task,
        lambda names, schema: loaded.trainable(names=names, schema=schema, pretrained=None, settings=TrainSettings()),
    )


@pytest.mark.parametrize(("batch", "pictures"), [(4, 4), (100, 10), (-1, 10), (0.5, 10)])
def test_no_batch_has_more_pictures_than_there_are(here, definition, people, batch, pictures):
    assert starting_batch(opened(definition(), people, "pose", batch=batch), torch.device("cpu")) == pictures


@pytest.mark.parametrize(
    ("network", "settings"),
    [
        ("yolo26n-pose", {}),
        ("yolov8n-seg", {"multi_scale": 0.5}),
        ("yolo26n-seg", {"overlap_mask": False}),
    ],
)
def test_a_trial_step_goes_through_network_losses_and_optimiser(here, definition, people, outlines, network, settings):
    data, task = (people, "pose") if network.endswith("pose") else (outlines, "segment")
    run = opened(definition(network), data, task, **settings)
    before = run.model.network.get_parameter("model.0.conv.weight").detach().clone()
    take_trial_step(run, torch.device("cpu"), 2)
    after = run.model.network.get_parameter("model.0.conv.weight")
    assert torch.isfinite(after).all()
    assert before.shape == after.shape
