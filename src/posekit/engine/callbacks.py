"""Functions that users hang on events of a run."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from posekit.errors import UnknownChoiceError

Callback = Callable[[Any], None]

PREDICT_EVENTS: Final = (
    "on_predict_start",
    "on_predict_batch_start",
    "on_predict_postprocess_end",
    "on_predict_batch_end",
    "on_predict_end",
)
OTHER_EVENTS: Final = (
    "on_pretrain_routine_start", "on_pretrain_routine_end", "on_train_start", "on_train_epoch_start",
    "on_train_batch_start", "optimizer_step", "on_before_zero_grad", "on_train_batch_end", "on_train_epoch_end",
    "on_fit_epoch_end", "on_model_save", "on_train_end", "on_params_update", "teardown", "on_val_start",
    "on_val_batch_start", "on_val_batch_end", "on_val_end", "on_export_start", "on_export_end",
)  # fmt: skip


def check_event(event: str) -> str:
    """Return `event` if it is one.

    Raises:
        UnknownChoiceError: there is no such event; names the nearest.
    """
    events = (*PREDICT_EVENTS, *OTHER_EVENTS)
    if event not in events:
        near = get_close_matches(event, events, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(events)}"
        raise UnknownChoiceError(f"'{event}' is no callback event; {hint}")
    return event


def call_all(callbacks: Mapping[str, Sequence[Callback]], event: str, subject: object) -> None:
    """Call the functions of one event, in the order they were added."""
    for callback in tuple(callbacks.get(event, ())):  # a function may remove itself
        callback(subject)
