"""Training batches: what they hold follows from seed, epoch and data set alone."""

import pytest
import torch

from posekit import YOLO
from posekit.config.settings import TrainSettings
from posekit.engine.training_batches import TrainingBatches
from posekit.engine.training_run import open_training
from posekit.models.yolo.training import YoloTraining


@pytest.fixture
def batches(here, definition, people):
    """Return a function that gives the batches of an epoch."""
    loaded = YOLO(definition()).loaded

    def make(epoch=0, *, batch=4, joined=True, attempt=0, rank=0, processes=1, **settings):
        chosen = {"data": str(people), "imgsz": 64, "workers": 0, "verbose": False} | settings
        run = open_training(
            TrainSettings(**chosen),
            "pose",
            lambda names, schema: YoloTraining.for_dataset(loaded, names=names, schema=schema, pretrained=None),
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
