import pytest
import torch

from models.yolo.losses.scenes import make_losses, make_outputs, make_targets


def test_the_weight_moves_from_one_to_many_to_one_to_one():
    criterion = make_losses("detect", dual=True)
    shares = []
    for _ in range(10):
        shares.append(criterion.share)
        criterion.end_epoch(10)
    assert shares == pytest.approx([0.8 - 0.7 * epoch / 9 for epoch in range(10)])
    assert criterion.share == pytest.approx(0.1)  # never below


def test_a_run_of_one_epoch_keeps_the_first_weights():
    criterion = make_losses("detect", dual=True)
    criterion.advance_to(0, 1)
    assert criterion.share == pytest.approx(0.8)


@pytest.mark.parametrize("epoch", [0, 3, 9])
def test_a_resumed_run_has_the_weights_of_an_uninterrupted_one(epoch):
    whole, resumed = make_losses("detect", dual=True), make_losses("detect", dual=True)
    for _ in range(epoch):
        whole.end_epoch(10)
    resumed.advance_to(epoch, 10)
    assert resumed.share == whole.share
    resumed.end_epoch(10)
    whole.end_epoch(10)
    assert resumed.share == whole.share


def test_totals_are_weighted_and_items_are_those_of_one_to_one():
    criterion, outputs, targets = make_losses("pose", dual=True), make_outputs("pose", dual=True), make_targets()
    many, one = criterion.one2many(outputs["one2many"], targets), criterion.one2one(outputs["one2one"], targets)
    criterion.advance_to(5, 10)
    losses = criterion(outputs, targets)
    torch.testing.assert_close(losses.total, criterion.share * many.total + (1 - criterion.share) * one.total)
    assert losses.items == one.items


@pytest.mark.parametrize("branch", ["one2many", "one2one"])
def test_both_branches_train_the_flow(branch):
    outputs, criterion = make_outputs("pose", dual=True), make_losses("pose", dual=True)
    getattr(criterion, branch)(outputs[branch], make_targets()).total.sum().backward()
    assert any(parameter.grad.abs().sum() > 0 for parameter in criterion.one2one.rules.flow.parameters())


def test_only_one_to_many_trains_the_prototypes():
    outputs, criterion = make_outputs("multitask", dual=True), make_losses("multitask", dual=True)
    criterion.one2one(outputs["one2one"], make_targets()).total.sum().backward()
    assert outputs["one2many"]["proto"].grad is None


def test_multitask_heads_learn_no_likelihood():
    assert "rle_loss" in make_losses("pose", dual=True).names
    assert "rle_loss" not in make_losses("multitask", dual=True).names
