"""COCO numbers of boxes and keypoints as RF-DETR's evaluation states them."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from posekit.metrics.coco import coco_scores

RECORDED = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "golden" / "rfdetr" / "average_precision.json.gz").read_bytes())
)


@pytest.mark.parametrize("kind", ["bbox", "keypoints"])
@pytest.mark.parametrize("case", RECORDED)
def test_recorded_numbers(case, kind, tmp_path):
    recorded = RECORDED[case]
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps(recorded["ground_truth"]))
    sigmas = recorded["sigmas"] if kind == "keypoints" else None
    scores = coco_scores(truth, recorded["predictions"], kinds=[kind], sigmas=sigmas)[kind]
    np.testing.assert_allclose(list(scores.stats.values()), recorded["stats"][kind], rtol=0, atol=1e-6)
