from pathlib import Path

import numpy as np
import pytest

from posekit.config.settings import TrainSettings
from posekit.engine.optimizer import choose_optimizer, planned_iterations

GOLDEN = np.load(Path(__file__).parents[2] / "golden/train/optimizer.npz")


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
