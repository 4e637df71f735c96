"""Samples are loaded once while they are kept."""

from concurrent.futures import ThreadPoolExecutor

from augment.made_samples import made_sample
from posekit.augment.pipeline import RecentSamples


def counting(loaded):
    def fetch(index):
        loaded.append(index)
        return made_sample(index)

    return fetch


def test_a_kept_sample_is_not_loaded_again():
    loaded = []
    recent = RecentSamples(counting(loaded), 2)
    assert recent(1) is recent(1)
    assert loaded == [1]


def test_the_sample_not_asked_for_longest_goes_first():
    loaded = []
    recent = RecentSamples(counting(loaded), 2)
    for index in (1, 2, 1, 3, 1, 2):
        assert recent(index).path == f"{index}.png"
    assert loaded == [1, 2, 3, 2]


def test_threads_may_share_it():
    recent = RecentSamples(counting([]), 3)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(recent, [index % 7 for index in range(200)]))
    assert [sample.path for sample in found] == [f"{index % 7}.png" for index in range(200)]
