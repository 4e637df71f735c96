"""How long the threads of PyTorch spin while they wait for each other."""

import os

# GNU OpenMP's default spins for milliseconds at each of the hundreds of meeting points of a network. That is
# cheap on an idle machine and ruinous on a busy one, where the thread waited for is not running: with one other
# busy process on two cores a prediction took twelve times as long, and two to four times with 1000 to 5000.
SPIN_COUNT = "2000"


def limit_spinning() -> None:
    """Set the limit for this process, unless the user has; must come before PyTorch is imported."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
