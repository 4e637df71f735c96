"""The table of `posekit checks`: what posekit runs on."""

import ctypes
import os
import platform
import sys

from posekit.cli.requirements import Requirement, requirements
from posekit.config.user_settings import settings_file
from posekit.version import __version__

GIB = 1024**3


def system_table() -> str:
    """Return operating system, Python, memory, processors, CUDA and package versions, one per line."""
    lines = [
        ("posekit", __version__),
        ("OS", platform.platform()),
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        ("RAM", _memory()),
        ("CPU", f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"),
        ("CUDA", _cuda()),
        ("settings", str(settings_file())),
    ]
    found = requirements()
    if found is None:
        lines.append(("packages", "not known: posekit runs from a source folder and is not installed"))
    lines += [(requirement.package, _state(requirement)) for requirement in found or [] if _worth_showing(requirement)]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines)


def _worth_showing(requirement: Requirement) -> bool:
    return not requirement.extra or requirement.installed is not None


def _state(requirement: Requirement) -> str:
    if requirement.installed is None:
        return f"missing: {requirement.wanted or 'any version'} required"
    verdict = "ok" if requirement.met else "NOT MET"
    origin = f", extra {requirement.extra}" if requirement.extra else ""
    return f"{requirement.installed} ({requirement.wanted or 'any version'} required{origin}): {verdict}"


def _memory() -> str:
    total = _windows_memory() if sys.platform == "win32" else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{total / GIB:.1f} GiB"


def _windows_memory() -> int:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("rest", ctypes.c_ulonglong * 6),
        )

    status = Status(length=ctypes.sizeof(Status))
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined, unused-ignore]
    return int(status.total)


def _cuda() -> str:
    try:
        import torch
    except ImportError as error:
        return f"not known: torch cannot be imported ({error})"
    if not torch.cuda.is_available():
        return "none"
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return f"{torch.version.cuda}: {', '.join(names)}"
