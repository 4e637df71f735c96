import pytest

from posekit.engine.callbacks import OTHER_EVENTS, PREDICT_EVENTS, call_all, check_event
from posekit.errors import UnknownChoiceError


@pytest.mark.parametrize("event", [*PREDICT_EVENTS, *OTHER_EVENTS])
def test_every_event_has_one_name(event):
    assert check_event(event) == event
    assert (*PREDICT_EVENTS, *OTHER_EVENTS).count(event) == 1


def test_another_name_is_an_error_that_existing_code_catches():
    with pytest.raises(AssertionError, match="did you mean 'on_train_start'"):
        check_event("on_train_begin_start")
    with pytest.raises(UnknownChoiceError, match=r"known are .*on_export_end"):
        check_event("")


def test_only_the_functions_of_the_event_are_called_each_with_the_subject():
    called = []
    callbacks = {"on_predict_end": [called.append, lambda subject: called.append((subject, 2))], "teardown": [print]}
    call_all(callbacks, "on_predict_end", "subject")
    call_all(callbacks, "on_predict_start", "subject")
    assert called == ["subject", ("subject", 2)]


def test_a_function_that_removes_itself_does_not_hide_the_next():
    called = []
    callbacks = {"teardown": [lambda _: callbacks["teardown"].pop(0), called.append]}
    call_all(callbacks, "teardown", 1)
    assert called == [1]
