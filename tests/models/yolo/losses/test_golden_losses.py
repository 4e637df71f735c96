"""Whole losses of recorded outputs and batches, with assignments and gradients."""

import numpy as np
import pytest
import torch

from golden.train_files import arrays
from models.yolo.losses.recorded import CASES, PREFIXES, criterion_of, dense, outputs_of, sigmas_of, targets_of
from models.yolo.losses.scenes import network_of
from posekit.config.settings import TrainSettings
from posekit.models.yolo.losses.criterion import make_criterion

LOSS = {"rtol": 1e-4, "atol": 1e-5}
cases = pytest.mark.parametrize(("file", "case"), CASES)


@cases
def test_items_and_totals_are_as_recorded(file, case):
    recorded, criterion = arrays(file), criterion_of(file, case)
    losses = criterion(outputs_of(file, case), targets_of(file, case))
    assert tuple(losses.items) == criterion.names == tuple(recorded[f"{case}/item_names"])
    np.testing.assert_allclose(list(losses.items.values()), recorded[f"{case}/items"], **LOSS)
    np.testing.assert_allclose(losses.total.sum().item(), recorded[f"{case}/total"], **LOSS)
    if f"{case}/total_vec" in recorded:
        np.testing.assert_allclose(losses.total.detach(), recorded[f"{case}/total_vec"], **LOSS)


@cases
def test_gradients_are_as_recorded(file, case):
    criterion, outputs = criterion_of(file, case), outputs_of(file, case)
    criterion(outputs, targets_of(file, case)).total.sum().backward()
    recorded = [key for key in arrays(file) if key.startswith(f"{case}/") and "/grad_norm/" in key]
    assert recorded
    for key in recorded:
        where, name = key.removeprefix(f"{case}/").split("grad_norm/")
        assert_gradient(file, f"{case}/{where}", name, gradient(criterion, outputs, where, name))


def gradient(criterion, outputs, where, name):
    if where == "flow/":
        return criterion.branches["one2many"].rules.flow.get_parameter(name).grad
    raw = outputs["one2one" if where == "o2o/" else "one2many"]
    return raw["semseg" if name == "semantic" else name].grad


def assert_gradient(file, prefix, name, found):
    norm = arrays(file)[f"{prefix}grad_norm/{name}"]
    np.testing.assert_allclose(found.norm(), norm, rtol=1e-3)
    places, values = (arrays(file)[f"{prefix}grad_{part}/{name}"] for part in ("idx", "val"))
    np.testing.assert_allclose(found.flatten()[torch.from_numpy(places)], values, rtol=0, atol=1e-4 * norm)


@cases
def test_assignments_are_as_recorded(file, case):
    criterion, outputs, targets = criterion_of(file, case), outputs_of(file, case), targets_of(file, case)
    for branch, one in criterion.branches.items():
        prefix = PREFIXES[branch] if len(criterion.branches) == 2 else ""
        check_assignment(one, outputs[branch], targets, file, f"{case}/{prefix}")


def check_assignment(criterion, raw, targets, file, prefix):
    assigned = criterion.assign(raw, targets)
    foreground, index = dense(assigned.positives, 3, raw["boxes"].shape[2])
    np.testing.assert_array_equal(foreground, arrays(file)[f"{prefix}fg_mask"])
    np.testing.assert_array_equal(index, arrays(file)[f"{prefix}target_gt_idx"])
    if f"{prefix}target_scores_sum" in arrays(file):
        np.testing.assert_allclose(
            assigned.positives.scores.sum(), arrays(file)[f"{prefix}target_scores_sum"], rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize(("file", "case"), [key for key in CASES if key[0].startswith("loss_26")])
def test_branches_weigh_as_recorded(file, case):
    recorded, criterion = arrays(file), criterion_of(file, case)
    outputs, targets = outputs_of(file, case), targets_of(file, case)
    np.testing.assert_allclose([criterion.share, 1 - criterion.share], recorded[f"{case}/weights_o2m_o2o"], rtol=1e-5)
    for branch, one in criterion.branches.items():
        losses = one(outputs[branch], targets)
        np.testing.assert_allclose(losses.total.detach(), recorded[f"{case}/{branch}_vec"], **LOSS)
        np.testing.assert_allclose(list(losses.items.values()), recorded[f"{case}/{branch}_items"], **LOSS)


def test_only_objects_with_labelled_keypoints_count_when_the_others_are_skipped():
    for case in ("plain", "filtered"):
        criterion = criterion_of("loss_multitask", case).branches["one2many"]
        assigned = criterion.assign(outputs_of("loss_multitask", case)["one2many"], targets_of("loss_multitask", case))
        kept = np.zeros((3, 630), bool)
        rows = assigned.keypoints.rows
        kept[assigned.positives.pictures[rows], assigned.positives.anchors[rows]] = True
        np.testing.assert_array_equal(kept, arrays("loss_multitask")[f"{case}/kpt_fg_mask"])


@pytest.mark.parametrize("case", ["plain", "filtered"])
def test_pose_alone_counts_or_skips_unlabelled_objects_as_recorded_for_both_tasks(case):
    """Assignment and keypoint terms are those of the multitask head; the recording without a filter is `plain`."""
    file = "loss_multitask"
    network = network_of("pose", dual=False, nc=3, kpt_shape=(5, 3))
    criterion = make_criterion(network, TrainSettings(skip_unlabelled=case == "filtered"), sigmas_of((5, 3)))
    items = criterion(outputs_of(file, case), targets_of(file, case)).items
    recorded = dict(zip(arrays(file)[f"{case}/item_names"], arrays(file)[f"{case}/items"], strict=True))
    for name in ("pose_loss", "kobj_loss"):
        np.testing.assert_allclose(items[name], recorded[name], **LOSS)
