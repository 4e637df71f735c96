"""What processes do that tests of the launcher start."""

import os
import sys
import time
from pathlib import Path

from posekit.engine import distributed
from posekit.engine.launch import Exchange


def meet(folder):
    """Tell each other the own number, and leave what was heard."""
    distributed.join_processes("cpu")
    heard = distributed.gather(int(os.environ["RANK"]))
    Exchange(Path(folder)).put(f"heard{distributed.rank()}", (heard, os.environ["LOCAL_WORLD_SIZE"], sys.argv))
    return 0


def fail_alone(folder, status):
    """The second fails; the first would go on for long."""
    if os.environ["RANK"] == "1":
        wait_for(Path(folder) / "first")
        if int(status) < 0:
            os.kill(os.getpid(), -int(status))
        return int(status)
    try:
        (Path(folder) / "first").touch()
        time.sleep(600)
    except BaseException as error:
        (Path(folder) / "ended").write_text(type(error).__name__)
        raise
    return 0


def interruptible(folder, status):
    """The same for a process that takes notice of an interruption."""
    import signal

    signal.signal(signal.SIGINT, signal.default_int_handler)
    return fail_alone(folder, status)


def wait_for(path):
    while not path.exists():
        time.sleep(0.01)
