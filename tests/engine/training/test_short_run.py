import pytest

from posekit.config.settings import TrainSettings
from posekit.engine.training_run import warn_of_no_warmup


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"epochs": 1}, True),
        ({"epochs": 2}, False),
        ({"epochs": 1, "optimizer": "SGD"}, False),
        ({"epochs": 1, "time": 0.5}, False),
    ],
)
def test_one_epoch_with_the_automatic_optimiser_is_warned_of(caplog, settings, warned):
    warn_of_no_warmup(TrainSettings(**settings))
    assert ("epochs=1 leaves no time for a warm-up" in caplog.text) == warned


def test_only_weights_that_were_trained_before_can_be_spoiled(train, weights, caplog):
    train(epochs=1)
    train(model=weights(), epochs=1, pretrained=False)
    assert "warm-up" not in caplog.text
    train(model=weights(), epochs=1)
    assert "take more epochs, such as epochs=10" in caplog.text
