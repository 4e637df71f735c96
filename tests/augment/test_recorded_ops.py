"""Steps that training shares with other modes, as recorded with the augmentation."""

import numpy as np
import pytest

from augment.made_samples import GOLDEN
from posekit.ops.letterbox import plan_letterbox
from posekit.ops.polygons import overlap_order, resample_polygon, separate_masks, without_overlap

OUTLINES = [GOLDEN[f"poly/{number}"] for number in range(3)]


@pytest.mark.parametrize("row", GOLDEN["letterbox/h_w_nh_nw_scaleup_ratio_uw_uh_top_bottom_left_right"].tolist())
def test_recorded_letterboxes(row):
    height, width, target_h, target_w, scaleup, ratio, unpadded_w, unpadded_h, *padding = row
    plan = plan_letterbox((int(height), int(width)), (int(target_h), int(target_w)), scaleup=bool(scaleup))
    assert plan.ratio[0] == pytest.approx(ratio, rel=1e-6)
    assert plan.resized == (unpadded_h, unpadded_w)
    assert plan.padding == tuple(padding)


def test_recorded_outlines_are_resampled_as_recorded():
    resampled = np.stack([resample_polygon(outline, 60) for outline in OUTLINES])
    np.testing.assert_allclose(resampled, GOLDEN["poly/resampled60"], rtol=0, atol=2e-3)


@pytest.mark.parametrize("ratio", [1, 4])
def test_recorded_outlines_become_the_recorded_masks(ratio):
    masks = separate_masks(GOLDEN["poly/resampled60"], (96, 96), (96 // ratio, 96 // ratio))
    recorded = GOLDEN[f"poly/masks_r{ratio}"]
    assert np.mean(masks != recorded) <= 0.005
    order = overlap_order(masks)
    np.testing.assert_array_equal(order, GOLDEN[f"poly/overlap_order_r{ratio}"])
    index_map = (without_overlap(masks[order]) * np.arange(1, 4)[:, None, None]).max(0)
    assert np.mean(index_map != GOLDEN[f"poly/overlap_r{ratio}"]) <= 0.005
