"""Processes that posekit starts: what they exchange, how they find each other and end, whose error is told."""

import pytest

from posekit.engine.launch import (
    ElsewhereError,
    Exchange,
    Failure,
    devices_to_start_on,
    raise_failure,
    refuse_code,
    run_together,
)
from posekit.engine.trainer import Trainer
from posekit.errors import DatasetError, MissingExtraError, ProcessError, SettingError, UnknownSettingError
from posekit.tasks import PoseTrainer


def test_what_was_left_under_a_name_is_found_there(tmp_path):
    exchange = Exchange(tmp_path)
    exchange.put("job", {"epochs": 3, "classes": (0, 2)})
    exchange.put("job", {"epochs": 4})
    assert Exchange(tmp_path).get("job") == {"epochs": 4}
    assert [path.name for path in tmp_path.iterdir()] == ["job.pickle"]


def test_nothing_is_there_before(tmp_path):
    assert Exchange(tmp_path).get("job") is None


def test_they_find_each_other(tmp_path):
    assert run_together("launched_work:meet", [str(tmp_path)], 3) == (0, 0, 0)
    heard = [Exchange(tmp_path).get(f"heard{rank}") for rank in range(3)]
    assert heard == [([0, 1, 2], "3", ["-c", str(tmp_path)])] * 3


@pytest.mark.parametrize("status", [3, -9])
def test_when_one_fails_the_others_end(tmp_path, status):
    assert run_together("launched_work:fail_alone", [str(tmp_path), str(status)], 2) == (None, status)
    assert not (tmp_path / "ended").exists()


def test_whoever_can_is_asked_to_end_before(tmp_path):
    assert run_together("launched_work:interruptible", [str(tmp_path), "1"], 2) == (None, 1)
    assert (tmp_path / "ended").read_text() == "KeyboardInterrupt"


def failure_of(error):
    try:
        raise error
    except Exception as caught:  # noqa: BLE001
        return Failure.of(caught)


def test_nothing_is_raised_when_all_went_well():
    raise_failure((0, 0), {})


@pytest.mark.parametrize(
    "error",
    [DatasetError("no pictures"), UnknownSettingError("epoch?"), MissingExtraError("TensorBoard", "tensorboard", "x")],
)
def test_errors_of_posekit_keep_class_and_message_and_show_where_they_come_from(error):
    with pytest.raises(type(error)) as caught:
        raise_failure((None, 1), {1: failure_of(error)})
    assert str(caught.value) == str(error)
    assert isinstance(caught.value.__cause__, ElsewhereError)
    assert "failure_of" in str(caught.value.__cause__)


def test_others_are_told_with_the_process_that_they_happened_in():
    with pytest.raises(ProcessError, match="process 2 of 2 failed: ZeroDivisionError: by nothing"):
        raise_failure((None, 1), {1: failure_of(ZeroDivisionError("by nothing"))})


def test_the_first_error_counts():
    later = failure_of(RuntimeError("Connection closed by peer"))
    earlier = Failure(kind="DatasetError", message="no pictures", story="", moment=later.moment - 1)
    with pytest.raises(DatasetError, match="no pictures"):
        raise_failure((1, 1), {0: later, 1: earlier})


def test_a_process_that_was_ended_is_the_reason_of_what_the_others_say():
    lost = failure_of(RuntimeError("Connection closed by peer"))
    with pytest.raises(
        ProcessError, match="process 2 of 2 was ended by SIGKILL, and the others with it; is the memory"
    ):
        raise_failure((1, -9), {0: lost})
    with pytest.raises(ProcessError, match=r"process 1 of 2 was ended with status 130, and the others with it$"):
        raise_failure((130, 1), {1: lost})


def test_one_process_alone_is_not_numbered():
    with pytest.raises(ProcessError, match=r"^the process was ended by SIGSEGV$"):
        raise_failure((-11,), {})
    with pytest.raises(ProcessError, match=r"^the process failed: ZeroDivisionError: by nothing$"):
        raise_failure((1,), {0: failure_of(ZeroDivisionError("by nothing"))})


class Mine(PoseTrainer):
    """A trainer class of a script."""


def test_one_device_needs_no_process(monkeypatch):
    assert [devices_to_start_on(device) for device in (None, "cpu", "cpu,cpu")] == [(), (), ("cpu", "cpu")]
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert devices_to_start_on("cpu,cpu") == ()


def test_posekit_itself_is_known_everywhere():
    refuse_code("0,1", {"on_train_end": []}, PoseTrainer, Trainer)


def test_code_of_a_script_is_not():
    expected = r"device=0,1 .* callbacks of on_train_end, the class Mine: .* torchrun --nproc_per_node 2 SCRIPT\.py"
    with pytest.raises(SettingError, match=expected):
        refuse_code("0,1", {"on_train_end": [print]}, Mine, Trainer)
