"""Which boxes stay, as recorded."""

import numpy as np
import pytest

from augment.made_samples import GOLDEN
from posekit.augment.objects import keep_candidates


@pytest.mark.parametrize(("least_area", "key"), [(0.1, "cand_keep_010"), (0.01, "cand_keep_001")])
def test_recorded_boxes_stay_or_go_as_recorded(least_area, key):
    kept = keep_candidates(GOLDEN["cand_before"], GOLDEN["cand_after"], least_area=least_area)
    np.testing.assert_array_equal(kept, GOLDEN[key])


def test_boxes_that_are_nowhere_go():
    before = np.array([(0, 0, 10, 10)], np.float32)
    assert not keep_candidates(before, np.full((1, 4), np.nan, np.float32), least_area=0.1).any()
