"""Event files, read back by TensorBoard."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine.loggers.runs import new_run, train
from posekit.config.user import UserSettings
from posekit.engine.loggers import open_loggers

ON = UserSettings(tensorboard=True)


def read(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def values(events, tag):
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_values_settings_and_figures_are_read_back(tmp_path):
    train(new_run(tmp_path), open_loggers(ON))
    events = read(tmp_path)
    assert set(events.Tags()["scalars"]) == {
        "time", "train/box_loss", "metrics/mAP50-95_P", "val/box_loss", "lr/pg0"
    }  # fmt: skip
    assert values(events, "train/box_loss") == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    (settings,) = events.Tensors("settings/text_summary")
    assert b"lr0: 0.01" in settings.tensor_proto.string_val[0]
    (figure,) = events.Images("figures/results")
    assert (figure.width, figure.height, figure.step) == (12, 8, 3)


def test_values_are_on_disk_after_each_epoch(tmp_path):
    callbacks = open_loggers(ON)
    run = new_run(tmp_path)
    callbacks["on_pretrain_routine_end"][0](run)
    for epoch in (1, 2):
        run.results.add({"epoch": epoch, "train/box_loss": 0.5})
        callbacks["on_fit_epoch_end"][0](run)
        assert len(values(read(tmp_path), "train/box_loss")) == epoch
    callbacks["teardown"][0](run)


def test_a_resumed_training_goes_on_where_its_results_end(tmp_path):
    train(new_run(tmp_path), open_loggers(ON), until=4, ends=False)
    # The checkpoint is of epoch 2: epochs 3 and 4 come again.
    train(new_run(tmp_path, epochs=2), open_loggers(ON), until=5)
    assert [step for step, _ in values(read(tmp_path), "train/box_loss")] == [1, 2, 3, 4, 5]


def test_a_folder_that_vanishes_costs_a_warning(tmp_path, caplog):
    run = new_run(tmp_path / "run")
    (tmp_path / "file").write_text("")
    run.save_dir = tmp_path / "file"
    open_loggers(ON)["on_pretrain_routine_end"][0](run)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["TensorBoard"]
