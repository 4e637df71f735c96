"""Random numbers of a run: seeds, reproducible kernels, and the state of all generators."""

import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import torch

from posekit.engine import distributed
from posekit.errors import CheckpointError

CUBLAS_KEY, CUBLAS_VALUE = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
OTHERS: Final = "others"


def seed_all(seed: int, *, rank: int | None = None) -> None:
    """Seed the generators of Python, NumPy and PyTorch, on all devices.

    Args:
        seed: the user's seed.
        rank: number of this process among several, each of which draws its own numbers; None when it is alone.
    """
    own = seed if rank is None else seed + 1 + rank
    random.seed(own)
    np.random.seed(own % 2**32)
    torch.manual_seed(own)


@contextmanager
def reproducible_kernels() -> Iterator[None]:
    """Let PyTorch compute the same numbers each time while the context is open; it warns where it cannot."""
    enabled, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    cudnn, workspace = torch.backends.cudnn.deterministic, os.environ.get(CUBLAS_KEY)
    memory: Any = torch.utils.deterministic
    fills = memory.fill_uninitialized_memory
    os.environ[CUBLAS_KEY] = CUBLAS_VALUE
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.deterministic = True
    # Filling every new tensor takes a tenth of a step on a CPU, and guards only code that reads what nobody wrote.
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        torch.backends.cudnn.deterministic = cudnn
        memory.fill_uninitialized_memory = fills
        if workspace is None:
            del os.environ[CUBLAS_KEY]
        else:
            os.environ[CUBLAS_KEY] = workspace


def capture_random_state() -> dict[str, Any]:
    """Return the state of the generators of Python, NumPy and PyTorch as plain values and tensors."""
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": {"version": version, "words": torch.tensor(words, dtype=torch.int64), "gauss": gauss},
        "numpy": {
            "kind": str(kind),
            "words": torch.from_numpy(np.asarray(keys).astype(np.int64)),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "gauss": float(cached),
        },
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Put the generators back to where `capture_random_state` found them.

    States of CUDA devices that are not here are left aside: a run may go on elsewhere, with other numbers.

    Raises:
        CheckpointError: this is no such state.
    """
    try:
        python, numpy = state["python"], state["numpy"]
        random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
        keys = numpy["words"].numpy().astype(np.uint32)
        np.random.set_state((numpy["kind"], keys, numpy["position"], numpy["has_gauss"], numpy["gauss"]))
        torch.set_rng_state(state["torch"].cpu())
        for index, device_state in enumerate(state["cuda"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(device_state.cpu(), index)
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"the state of the random numbers is damaged: {type(error).__name__} {error}") from error


def random_state_of_all() -> dict[str, Any]:
    """Return the state of the first process, and under "others" those of the others; each process must call this."""
    first, *others = distributed.gather(capture_random_state())
    return first | {OTHERS: others} if others else first


def restore_own_random_state(state: Mapping[str, Any]) -> None:
    """Put the generators of this process back; where it had no part in the run so far, they are left as they are."""
    states = [state, *state.get(OTHERS, ())]
    if distributed.rank() < len(states):
        restore_random_state(states[distributed.rank()])
