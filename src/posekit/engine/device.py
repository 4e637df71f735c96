"""Where to compute, and how much freed memory the process keeps on CPUs."""

import torch

from posekit.errors import SettingError
from posekit.log import LOGGER

# glibc hands memory back to the system as soon as more is free at the end of the heap than twice its limit for large
# blocks, and raises that limit, up to 32 MiB, to the largest block that was freed. Small networks free blocks of a few
# megabytes in each layer: the pages went back and were faulted in again, thousands of times a picture.
LARGE_BLOCK = 31 * 2**20


def keep_freed_memory() -> None:
    """Let the C library keep up to 62 MiB of freed memory; no memory is touched. Elsewhere than on glibc: nothing."""
    torch.empty(LARGE_BLOCK, dtype=torch.uint8)


def select_device(device: str | None) -> torch.device:
    """Return the device that a setting means; a processor's memory is made ready for it (see `keep_freed_memory`).

    Args:
        device: ``cpu``, ``mps``, a CUDA number such as ``0`` or ``cuda:0``; of several (``0,1``) the
            first, with a warning; ``-1`` the CUDA device with the most free memory; None the best there is.

    Raises:
        SettingError: there is no such device here.
    """
    if device is not None:
        chosen = _named_device(device)
    elif torch.cuda.is_available():
        chosen = torch.device("cuda", 0)
    else:
        chosen = torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if chosen.type == "cpu":
        keep_freed_memory()
    return chosen


def _named_device(device: str) -> torch.device:
    first, *others = device.strip().lower().split(",")
    if others:
        LOGGER.warning("device=%s: one device is used, %s", device, first)
    if first == "cpu":
        return torch.device("cpu")
    if first == "mps":
        if not torch.backends.mps.is_available():
            raise SettingError("device=mps: this machine has no Apple GPU that PyTorch can use; use device=cpu")
        return torch.device("mps")
    return _cuda_device(device, first.removeprefix("cuda").removeprefix(":") or "0")


def several_devices(device: str | None) -> tuple[str, ...]:
    """Return the devices of a setting that names several; none for a setting that names one.

    Args:
        device: as for `select_device`, or ``cpu,cpu``.

    Raises:
        SettingError: one of them is not here, or a CUDA device is named twice.
    """
    names = (device or "").replace("cuda:", "").split(",")
    if len(names) == 1:
        return ()
    for name in names:
        if name != "cpu" and names.count(name) > 1:
            raise SettingError(f"device={device}: device {name} is named twice; each process takes one of its own")
        select_device(name)
    return tuple(names)


def warn_of_untested(device: torch.device) -> None:
    """Warn of devices that posekit has not been tried on."""
    if device.type == "mps":
        LOGGER.warning(
            "device=mps: training on Apple GPUs is untested; if losses or keypoints look odd, train with device=cpu"
        )


def _cuda_device(setting: str, number: str) -> torch.device:
    if number != "-1" and not number.isdecimal():
        raise SettingError(f"device={setting}: posekit computes on cpu, mps and CUDA devices (0, 1, ...)")
    count = torch.cuda.device_count()
    if not count:
        raise SettingError(f"device={setting}: PyTorch {torch.__version__} sees no CUDA device here; use device=cpu")
    idlest = max(range(count), key=lambda each: torch.cuda.mem_get_info(each)[0]) if number == "-1" else 0
    index = idlest if number == "-1" else int(number)
    if index >= count:
        raise SettingError(f"device={setting}: CUDA devices here are 0 to {count - 1}")
    return torch.device("cuda", index)
