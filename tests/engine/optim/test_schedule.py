from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.config.settings import TrainSettings
from posekit.engine.optimizer import (
    Schedule,
    build_optimizer,
    choose_optimizer,
    cosine_factor,
    effective_weight_decay,
    learning_rates,
    linear_factor,
    warmup_length,
)
from posekit.models.yolo.training import boosted_parameters
from small_networks import small_network

FOLDER = Path(__file__).parents[2] / "golden/train"
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


def run(case, **changes):
    """Go through a training without training; return the optimiser, the schedule and what each iteration had."""
    settings = TrainSettings(**({"epochs": 10} | CASES[case] | changes))
    network = small_network("yolov8n-pose")
    choice = choose_optimizer(settings, classes=1, iterations=20)
    decay = effective_weight_decay(settings.weight_decay, batch=BATCH, nbs=settings.nbs)
    optimizer = build_optimizer(network, choice, weight_decay=decay, boosted=boosted_parameters(network))
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
    optimizer, schedule, trace = run(case)
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
    optimizer, _, trace = run(SAME_RUNS[name])
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
    _, schedule, trace = run("linear_sgd", epochs=1, nbs=640)
    assert schedule.warmup == 0
    assert trace["lr"][0] == [0.01, 0.01, 0.01]
    assert trace["momentum"][0] == [0.937, 0.937, 0.937]
    assert trace["step"] == [False] * 6 + [True]


def test_a_time_limit_leaves_accumulation_to_the_nominal_batch():
    assert run("linear_sgd", epochs=1, nbs=640, time=1.0)[1].accumulate == 40


@pytest.mark.parametrize(
    ("length", "epochs", "expected"), [(3, 10, 21), (3, 2, 7), (3, 1, 0), (0, 10, 0), (0.5, 10, 4)]
)
def test_warmup_ends_before_the_last_epoch(length, epochs, expected):
    assert warmup_length(length, epochs=epochs, batches=7) == expected


def test_more_epochs_change_the_factor_and_not_the_warmup():
    optimizer, schedule, _ = run("linear_sgd")
    longer = replace(schedule, epochs=20)
    longer.apply(optimizer, 7 * 9)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01 * linear_factor(9, 20, 0.01))
    assert longer.warmup == schedule.warmup


def test_rates_have_the_names_of_result_files():
    optimizer, _, trace = run("linear_musgd")
    assert learning_rates(optimizer) == {f"lr/pg{i}": lr for i, lr in enumerate(trace["lr"][-1])}
