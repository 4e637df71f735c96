"""What moves the weights: choice, groups and steps of optimisers, MuSGD, and the schedule of a run."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.amp.grad_scaler import GradScaler

from golden.networks import build_recorded
from posekit.config.settings import OPTIMIZERS, TrainSettings
from posekit.engine.musgd import MuSGD, muon_directions, orthogonalise
from posekit.engine.optimizer import (
    OptimizerChoice,
    Schedule,
    build_optimizer,
    choose_optimizer,
    cosine_factor,
    effective_weight_decay,
    learning_rates,
    linear_factor,
    muon_groups,
    nominal_accumulation,
    plain_groups,
    planned_iterations,
    take_step,
    warmup_length,
)
from posekit.errors import SettingError
from posekit.models.yolo.family import fast_parameters
from small_networks import small_network

GOLDEN = np.load(Path(__file__).parents[1] / "golden/train/optimizer.npz")


def test_auto_chooses_as_recorded():
    rows = GOLDEN["auto/nc_iters_lr0_momentum_warmupbiaslr_grouplr"]
    for name, (classes, iterations, lr, momentum, bias_lr, _) in zip(GOLDEN["auto/optimizer"], rows, strict=True):
        choice = choose_optimizer(
            TrainSettings(lr0=0.5, momentum=0.1), classes=int(classes), iterations=int(iterations)
        )
        assert choice.name == name
        np.testing.assert_allclose(
            [choice.lr, choice.momentum, choice.warmup_bias_lr], [lr, momentum, bias_lr], rtol=1e-5, atol=1e-8
        )


def test_a_named_optimizer_keeps_the_users_numbers():
    settings = TrainSettings(optimizer="SGD", lr0=0.02, momentum=0.8, warmup_bias_lr=0.05)
    choice = choose_optimizer(settings, classes=1, iterations=10**6)
    assert (choice.name, choice.lr, choice.momentum, choice.warmup_bias_lr) == ("SGD", 0.02, 0.8, 0.05)


@pytest.mark.parametrize(
    ("images", "batch", "nbs", "epochs", "expected"),
    [(128, 16, 64, 10, 20), (129, 16, 64, 10, 30), (1000, 128, 64, 3, 24), (1, 16, 64, 1, 1)],
)
def test_iterations_count_nominal_batches(images, batch, nbs, epochs, expected):
    assert planned_iterations(images, batch=batch, nbs=nbs, epochs=epochs) == expected


def built(name, momentum=0.9):
    choice = OptimizerChoice(name=name, lr=0.01, momentum=momentum, warmup_bias_lr=0.1)
    return build_optimizer(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), choice, weight_decay=0.001)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "auto"])
def test_every_optimizer_of_the_settings_exists_in_any_case(name):
    for spelling in (name, name.lower(), name.upper()):
        optimizer = built(spelling)
        assert type(optimizer).__name__.lower() == name.lower()
        group = optimizer.param_groups[0]
        assert group["betas"] == (0.9, 0.999) if "betas" in group else group["momentum"] == 0.9
        assert group["weight_decay"] == 0.001


@pytest.mark.parametrize("name", ["auto", "Lion"])
def test_others_are_refused_with_the_names_that_exist(name):
    with pytest.raises(SettingError, match=rf"optimizer={name} .*MuSGD, SGD, Adam, AdamW"):
        built(name)


def test_sgd_works_without_momentum():
    optimizer = built("SGD", momentum=0.0)
    for parameter in optimizer.param_groups[0]["params"]:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()


MODELS = ["yolov8n-pose", "yolo11n-pose", "yolo26n-pose", "yolov8n-seg", "yolo11n-seg", "yolo26n-seg"]


@pytest.mark.parametrize("model", MODELS)
def test_groups_have_the_recorded_members_and_rates(model):
    network = build_recorded(model)
    for optimizer in ("SGD", "AdamW", "MuSGD"):
        choice = OptimizerChoice(name=optimizer, lr=0.01, momentum=0.9, warmup_bias_lr=0.1)
        built = build_optimizer(network, choice, weight_decay=0.0005, boosted=fast_parameters(network))
        groups, key = built.param_groups, f"groups/{model}/{optimizer}"
        assert [group["name"] for group in groups] == list(GOLDEN[f"{key}/name"])
        counts = [(len(group["params"]), sum(p.numel() for p in group["params"])) for group in groups]
        np.testing.assert_array_equal(counts, GOLDEN[f"{key}/tensors_elements"])
        values = [
            (group["lr"], group["weight_decay"], group.get("muon", False), group.get("nesterov", False))
            for group in groups
        ]
        np.testing.assert_allclose(values, GOLDEN[f"{key}/lr_decay_muon_nesterov"], rtol=1e-6)


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.logit_scale = nn.Parameter(nn.Linear(1, 1).bias.detach())
        self.biased = nn.Conv1d(2, 2, 1)  # "bias" in the full name of its weight
        self.linear = nn.Linear(4, 4).requires_grad_(False)


def test_names_and_layers_decide_and_frozen_parameters_are_members():
    model = Odd()
    weight, bn, bias = plain_groups(model, lr=0.1, weight_decay=0.5)
    assert set(map(id, weight["params"])) == {id(model.linear.weight)}
    assert set(map(id, bn["params"])) == {id(model.norm.weight), id(model.logit_scale)}
    assert set(map(id, bias["params"])) == set(
        map(id, (*model.biased.parameters(), model.norm.bias, model.linear.bias))
    )
    assert (weight["weight_decay"], bn["weight_decay"], bias["weight_decay"]) == (0.5, 0.0, 0.0)


def test_boosted_parameters_learn_three_times_as_fast():
    model = Odd()
    groups = muon_groups(model, lr=0.1, weight_decay=0.5, boosted=["linear.weight", "norm.bias"])
    fast = {id(p): group["initial_lr"] for group in groups for p in group["params"]}
    assert fast[id(model.linear.weight)] == fast[id(model.norm.bias)] == pytest.approx(0.3)
    assert fast[id(model.norm.weight)] == 0.1
    assert len(fast) == len(list(model.parameters()))


def example(scale=None):
    layer = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    scaler = GradScaler("cpu", enabled=scale is not None, init_scale=scale or 1.0)
    return layer, optimizer, scaler


@pytest.mark.parametrize("scale", [None, 1024.0])
def test_gradients_are_unscaled_and_clipped_to_a_norm_of_ten(scale):
    layer, optimizer, scaler = example(scale)
    before = layer.weight.detach().clone()
    scaler.scale((layer(torch.tensor([[30.0, 40.0]]))).sum()).backward()
    assert take_step(optimizer, scaler, 10.0).item() == pytest.approx(50)
    torch.testing.assert_close(before - layer.weight, torch.tensor([[6.0, 8.0]]), atol=1e-4, rtol=0)


def test_families_may_clip_to_another_norm():
    layer, optimizer, scaler = example()
    before = layer.weight.detach().clone()
    layer(torch.tensor([[30.0, 40.0]])).sum().backward()
    take_step(optimizer, scaler, 0.1)
    torch.testing.assert_close(before - layer.weight, torch.tensor([[0.06, 0.08]]), atol=1e-4, rtol=0)


def test_small_gradients_are_left_as_they_are():
    layer, optimizer, scaler = example()
    before = layer.weight.detach().clone()
    layer(torch.tensor([[3.0, 4.0]])).sum().backward()
    assert take_step(optimizer, scaler, 10.0).item() == pytest.approx(5)
    torch.testing.assert_close(before - layer.weight, torch.tensor([[3.0, 4.0]]), atol=1e-5, rtol=0)


def test_an_overflow_skips_the_step_and_lowers_the_scale():
    layer, optimizer, scaler = example(1024.0)
    before = layer.weight.detach().clone()
    scaler.scale(layer(torch.tensor([[float("inf"), 1.0]])).sum()).backward()
    take_step(optimizer, scaler, 10.0)
    assert torch.equal(layer.weight, before)
    assert scaler.get_scale() == 512.0


NAMES = ("mat_wide", "mat_tall", "conv", "dw", "one", "vec")


def recorded_tensor(kind, name):
    return torch.from_numpy(GOLDEN[f"musgd/{kind}/{name}"])


def test_three_steps_move_every_kind_of_tensor_as_recorded():
    parameters = {name: torch.nn.Parameter(recorded_tensor("init", name).clone()) for name in NAMES}
    vectors = [parameters["vec"]]
    matrices = [parameters[name] for name in NAMES if name != "vec"]
    optimizer = MuSGD(
        [
            {"params": vectors},
            {"params": []},
            {"params": matrices, "muon": True, "weight_decay": 5e-4},
        ],
        lr=0.01,
    )
    for step in range(3):
        for name, parameter in parameters.items():
            parameter.grad = recorded_tensor(f"grad{step}", name).clone()
        optimizer.step()
        for name, parameter in parameters.items():
            torch.testing.assert_close(parameter.detach(), recorded_tensor(f"param{step}", name), atol=5e-4, rtol=0)


@pytest.mark.parametrize("name", ["mat_wide", "mat_tall", "conv"])
def test_directions_are_lengthened_for_tall_matrices_only(name):
    gradient = recorded_tensor("ns_in", name)
    scale = max(1, gradient.shape[-2] / gradient.shape[-1]) ** 0.5
    found = muon_directions([gradient], [torch.zeros_like(gradient)], 0.9, nesterov=True)[0]
    torch.testing.assert_close(found, recorded_tensor("update_out", name), atol=0.06 * scale, rtol=0)


@pytest.mark.parametrize("nesterov", [True, False])
def test_without_muon_it_is_sgd(nesterov):
    torch.manual_seed(0)
    start, gradients = torch.randn(4, 3), torch.randn(3, 4, 3)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    options = {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.01, "nesterov": nesterov}
    pair = ((MuSGD([ours], **options), ours), (torch.optim.SGD([theirs], **options), theirs))
    for gradient in gradients:
        for optimizer, parameter in pair:
            parameter.grad = gradient.clone()
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_without_nesterov_the_direction_is_that_of_the_mean():
    gradient, buffer = torch.eye(3), torch.zeros(3, 3)
    muon_directions([gradient], [buffer], 0.75, nesterov=False)
    torch.testing.assert_close(buffer, 0.25 * torch.eye(3))


def test_parameters_without_gradient_stay_and_gradients_are_not_changed():
    moved, still = (torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2))
    moved.grad = torch.full((2, 2), 0.5)
    MuSGD([{"params": [moved, still], "muon": True}], weight_decay=0.1).step()
    assert torch.equal(still, torch.ones(2, 2))
    assert not torch.equal(moved, torch.ones(2, 2))
    assert torch.equal(moved.grad, torch.full((2, 2), 0.5))


def test_a_closure_is_evaluated_with_gradients():
    weight = torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = MuSGD([weight], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return float(loss.detach())

    assert optimizer.step(closure) == 9.0
    assert weight.item() < 3.0


@pytest.mark.parametrize("name", ["mat_wide", "mat_tall", "conv"])
def test_matrices_come_out_as_recorded(name):
    given_, expected = (torch.from_numpy(GOLDEN[f"musgd/ns_{end}/{name}"]) for end in ("in", "out"))
    found = orthogonalise([given_.reshape(len(given_), -1)])[0]
    torch.testing.assert_close(found, expected, atol=0.06, rtol=0)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 12), columns=st.integers(1, 12), scale=st.floats(1e-3, 1e3), seed=st.integers(0, 9))
def test_singular_values_come_near_one_and_directions_stay(rows, columns, scale, seed):
    torch.manual_seed(seed)
    u, s, v = torch.linalg.svd(torch.randn(rows, columns), full_matrices=False)
    matrix = scale * u @ torch.diag(0.5 + s / s.max()) @ v  # well conditioned
    result = orthogonalise([matrix])[0]
    assert result.shape == matrix.shape
    values = torch.diag(u.T @ result @ v.T)
    assert ((values > 0.5) & (values < 1.3)).all()
    torch.testing.assert_close(u @ torch.diag(values) @ v, result, atol=1e-3, rtol=0)


def test_mixed_shapes_and_types_keep_their_order_and_their_numbers():
    torch.manual_seed(0)
    matrices = [torch.randn(3, 5), torch.randn(5, 3), torch.randn(3, 5), torch.randn(3, 5, dtype=torch.float64)]
    together = orthogonalise(matrices)
    for matrix, result in zip(matrices, together, strict=True):
        assert result.dtype == matrix.dtype
        torch.testing.assert_close(result, orthogonalise([matrix])[0], atol=1e-5, rtol=0)


def test_a_matrix_of_zeros_stays():
    assert torch.equal(orthogonalise([torch.zeros(3, 4)])[0], torch.zeros(3, 4))


def test_accumulation_and_weight_decay_are_as_recorded():
    for batch, accumulate, decay in TRACES["accumulate/batch_acc_weightdecay"]:
        assert nominal_accumulation(int(batch), 64) == accumulate
        np.testing.assert_allclose(effective_weight_decay(0.0005, batch=int(batch), nbs=64), decay, rtol=1e-5)


FOLDER = Path(__file__).parents[1] / "golden/train"
TRACES, RUNS = np.load(FOLDER / "schedule.npz"), np.load(FOLDER / "runs.npz")
BATCHES, BATCH = 7, 16
CASES = {
    "linear_sgd": {"optimizer": "SGD"},
    "cosine_sgd": {"optimizer": "SGD", "cos_lr": True},
    "linear_adamw": {"optimizer": "AdamW", "lr0": 0.001},
    "linear_musgd": {"optimizer": "MuSGD"},
    "auto_adamw": {"optimizer": "auto"},
    "warmup_frac": {"optimizer": "SGD", "warmup_epochs": 0.5},
    "epochs2": {"optimizer": "SGD", "epochs": 2},
}
SAME_RUNS = {"pose26_auto": "auto_adamw", "pose8_sgd_cos": "cosine_sgd", "pose26_musgd": "linear_musgd"}


def run_through(case, **changes):
    """Go through a training without training; return the optimiser, the schedule and what each iteration had."""
    settings = TrainSettings(**({"epochs": 10} | CASES[case] | changes))
    network = small_network("yolov8n-pose")
    choice = choose_optimizer(settings, classes=1, iterations=20)
    decay = effective_weight_decay(settings.weight_decay, batch=BATCH, nbs=settings.nbs)
    optimizer = build_optimizer(network, choice, weight_decay=decay, boosted=fast_parameters(network))
    schedule = Schedule.of(settings, choice, batches=BATCHES, batch=BATCH)
    pending, trace = 0, {"lr": [], "momentum": [], "accumulate": [], "step": []}
    for iteration in range(BATCHES * settings.epochs):
        schedule.apply(optimizer, iteration)
        groups = optimizer.param_groups
        trace["lr"].append([group["lr"] for group in groups])
        trace["momentum"].append([group["betas"][0] if "betas" in group else group["momentum"] for group in groups])
        trace["accumulate"].append(schedule.accumulation_at(iteration))
        pending += 1
        trace["step"].append(pending >= trace["accumulate"][-1])
        pending *= not trace["step"][-1]
    return optimizer, schedule, trace


@pytest.mark.parametrize("case", CASES)
def test_a_run_goes_as_recorded(case):
    optimizer, schedule, trace = run_through(case)
    close = {"rtol": 1e-5, "atol": 1e-8}
    np.testing.assert_allclose(trace["lr"], TRACES[f"{case}/lr"], **close)
    np.testing.assert_allclose(trace["momentum"], TRACES[f"{case}/momentum_or_beta1"], **close)
    np.testing.assert_array_equal(trace["accumulate"], TRACES[f"{case}/accumulate"])
    np.testing.assert_array_equal(trace["step"], TRACES[f"{case}/optimizer_step"])
    factors = [schedule.factor(epoch, schedule.epochs, schedule.last) for epoch in range(schedule.epochs)]
    np.testing.assert_allclose(factors, TRACES[f"{case}/lambda_per_epoch"], **close)
    assert schedule.warmup == TRACES[f"{case}/warmup_iterations"]
    assert type(optimizer).__name__ == TRACES[f"{case}/optimizer"]
    assert [group["name"] for group in optimizer.param_groups] == list(TRACES[f"{case}/group_names"])
    for ours, theirs in (("initial_lr", "initial_lr"), ("weight_decay", "weight_decay")):
        np.testing.assert_allclose([g[ours] for g in optimizer.param_groups], TRACES[f"{case}/{theirs}"], **close)


@pytest.mark.parametrize("name", SAME_RUNS)
def test_whole_runs_went_the_same_way(name):
    optimizer, _, trace = run_through(SAME_RUNS[name])
    np.testing.assert_allclose(trace["lr"], RUNS[f"{name}/lr"], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(trace["momentum"], RUNS[f"{name}/momentum_or_beta1"], rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(trace["accumulate"], RUNS[f"{name}/accumulate"])
    np.testing.assert_array_equal(np.cumsum(trace["step"]), RUNS[f"{name}/ema_updates"])
    assert type(optimizer).__name__ == RUNS[f"{name}/optimizer"]
    assert [group["name"] for group in optimizer.param_groups] == list(RUNS[f"{name}/group_names"])
    np.testing.assert_allclose(
        [g["weight_decay"] for g in optimizer.param_groups], RUNS[f"{name}/weight_decay"], rtol=1e-5, atol=1e-8
    )


@given(epochs=st.integers(1, 500), last=st.floats(0, 1), factor=st.sampled_from([linear_factor, cosine_factor]))
def test_factors_fall_from_one_and_never_below_the_last(epochs, last, factor):
    values = [factor(epoch, epochs, last) for epoch in range(epochs + 3)]
    assert values[0] == 1
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(values[: epochs + 1]))
    assert min(values[: epochs + 1]) >= last - 1e-12


@given(warmup=st.floats(0, 6), epochs=st.integers(1, 8), batches=st.integers(1, 40), batch=st.integers(1, 200))
def test_accumulation_never_falls_and_ends_at_the_nominal_one(warmup, epochs, batches, batch):
    settings = TrainSettings(epochs=epochs, warmup_epochs=warmup)
    choice = choose_optimizer(settings, classes=1, iterations=20)
    schedule = Schedule.of(settings, choice, batches=batches, batch=batch)
    wanted = [schedule.accumulation_at(iteration) for iteration in range(batches * epochs)]
    assert wanted == sorted(wanted)
    assert wanted[-1] == max(1, min(round(64 / batch), batches * epochs))


def test_one_epoch_has_no_warmup_and_at_least_one_step():
    _, schedule, trace = run_through("linear_sgd", epochs=1, nbs=640)
    assert schedule.warmup == 0
    assert trace["lr"][0] == [0.01, 0.01, 0.01]
    assert trace["momentum"][0] == [0.937, 0.937, 0.937]
    assert trace["step"] == [False] * 6 + [True]


def test_a_time_limit_leaves_accumulation_to_the_nominal_batch():
    assert run_through("linear_sgd", epochs=1, nbs=640, time=1.0)[1].accumulate == 40


@pytest.mark.parametrize(
    ("length", "epochs", "expected"), [(3, 10, 21), (3, 2, 7), (3, 1, 0), (0, 10, 0), (0.5, 10, 4)]
)
def test_warmup_ends_before_the_last_epoch(length, epochs, expected):
    assert warmup_length(length, epochs=epochs, batches=7) == expected


def test_more_epochs_change_the_factor_and_not_the_warmup():
    optimizer, schedule, _ = run_through("linear_sgd")
    longer = replace(schedule, epochs=20)
    longer.apply(optimizer, 7 * 9)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01 * linear_factor(9, 20, 0.01))
    assert longer.warmup == schedule.warmup


def test_rates_have_the_names_of_result_files():
    optimizer, _, trace = run_through("linear_musgd")
    assert learning_rates(optimizer) == {f"lr/pg{i}": lr for i, lr in enumerate(trace["lr"][-1])}
