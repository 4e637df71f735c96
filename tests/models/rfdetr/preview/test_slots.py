"""Keypoints of several classes in one row of tokens."""

import pytest
import torch

from posekit.models.rfdetr.architecture import KeypointSlots

SLOTS = KeypointSlots((0, 3, 2))


@pytest.mark.parametrize("counts", [(17,), (0, 17), (0, 5, 3), (4, 0, 4)])
def test_the_mask_gives_the_slots_back(counts):
    assert KeypointSlots.from_mask(KeypointSlots(counts).mask()) == KeypointSlots(counts)


def test_keypoints_of_other_classes_are_hidden_but_the_query_is_seen_by_all():
    blocked = SLOTS.blocked()
    assert not blocked[0].any()
    assert not blocked[:, 0].any()
    assert not blocked[1:4, 1:4].any()
    assert blocked[1:4, 4:].all()
    assert blocked[4:, 1:4].all()
    assert not KeypointSlots((0, 17)).blocked().any()


def test_places_name_each_token_once_and_unused_ones_the_empty_token():
    assert SLOTS.places().tolist() == [5, 5, 5, 0, 1, 2, 3, 4, 5]


def test_membership_sums_the_tokens_of_a_class():
    sums = torch.tensor([1.0, 2, 4, 8, 16]) @ SLOTS.membership(4)
    assert sums.tolist() == [0, 7, 24, 0]
