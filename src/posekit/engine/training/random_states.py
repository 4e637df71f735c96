"""The random numbers of a training in several processes, each of which draws its own."""

from collections.abc import Mapping
from typing import Any, Final

from posekit.engine import distributed
from posekit.engine.seeds import capture_random_state, restore_random_state

OTHERS: Final = "others"


def random_state_of_all() -> dict[str, Any]:
    """Return the state of the generators of the first process, and under "others" those of the others by rank.

    Each process must call this.
    """
    first, *others = distributed.gather(capture_random_state())
    return first | {OTHERS: others} if others else first


def restore_own_random_state(state: Mapping[str, Any]) -> None:
    """Put the generators of this process back; where it had no part in the run so far, they are left as they are.

    Raises:
        CheckpointError: this is no such state.
    """
    states = [state, *state.get(OTHERS, ())]
    if distributed.rank() < len(states):
        restore_random_state(states[distributed.rank()])
