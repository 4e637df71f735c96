"""Batches are made ready ahead of the network, in order, and the source is released."""

import threading

import pytest

from posekit.engine.predictor import prepared_batches
from posekit.io.open_source import open_source


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
