"""Each object gets one query of every group, as cheaply as possible."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from golden.rfdetr_files import assert_matches, recorded_targets, tensors
from posekit.models.rfdetr.losses import detection_cost, match
from posekit.models.rfdetr.network import Predictions
from posekit.sample import Targets


def random_scene(seed, pictures, queries, objects):
    """Return predictions and targets of pictures with the given numbers of objects."""
    made = torch.Generator().manual_seed(seed)
    predictions = Predictions(
        torch.randn(pictures, queries, 3, generator=made), torch.rand(pictures, queries, 4, generator=made)
    )
    counts = torch.tensor(objects)
    targets = Targets(
        pictures=torch.arange(pictures).repeat_interleave(counts),
        classes=torch.randint(3, (int(counts.sum()),), generator=made),
        boxes=torch.rand(int(counts.sum()), 4, generator=made),
    )
    return predictions, targets


@pytest.mark.parametrize("groups", [1, 3])
def test_recorded_matches(groups):
    predictions = Predictions(*tensors("losses", "pred_logits", "pred_boxes"))
    pairs = match(predictions, recorded_targets("losses"), groups, detection_cost)
    assert_matches(pairs, "losses", f"match_g{groups}_{{}}_")


@given(
    seed=st.integers(0, 1000),
    objects=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    groups=st.integers(1, 3),
)
def test_every_object_has_one_query_of_its_picture_in_each_group(seed, objects, groups):
    predictions, targets = random_scene(seed, len(objects), 6 * groups, objects)
    pairs = match(predictions, targets, groups, detection_cost)
    assert len(pairs) == groups * len(targets)
    assert (pairs.pictures == targets.pictures[pairs.targets]).all()
    taken = set(zip(pairs.pictures.tolist(), pairs.queries.tolist(), strict=True))
    assert len(taken) == len(pairs)
    seen = set(zip((pairs.queries // 6).tolist(), pairs.targets.tolist(), strict=True))
    assert len(seen) == len(pairs)


def test_more_objects_than_queries_leave_some_without():
    predictions, targets = random_scene(0, 1, 3, [5])
    assert len(match(predictions, targets, 1, detection_cost)) == 3


def test_pictures_without_objects_have_no_pairs():
    predictions, targets = random_scene(0, 2, 3, [0, 0])
    assert len(match(predictions, targets, 1, detection_cost)) == 0


def test_queries_that_are_not_finite_are_taken_last():
    predictions, targets = random_scene(0, 1, 4, [3])
    predictions.boxes[0, 1] = torch.nan
    assert 1 not in match(predictions, targets, 1, detection_cost).queries


def test_a_picture_whose_queries_are_all_not_finite_is_matched_all_the_same():
    predictions, targets = random_scene(0, 1, 4, [3])
    predictions.logits[:] = torch.nan
    assert len(match(predictions, targets, 1, detection_cost)) == 3
