"""An error in one of several processes is the same error where they were started."""

import pytest

from posekit.engine.launch import ElsewhereError, Failure, raise_failure
from posekit.errors import DatasetError, MissingExtraError, ProcessError, UnknownSettingError


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
