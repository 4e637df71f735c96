"""The table of `posekit checks`: what posekit runs on."""

import ctypes
import os
import platform
import sys
from importlib import metadata
from typing import Final

from packaging.requirements import Requirement

from posekit.config.user import settings_file
from posekit.version import __version__

GIB: Final = 1024**3


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
    try:
        lines += package_lines("posekit")
    except metadata.PackageNotFoundError:
        lines.append(("packages", "not known: posekit runs from a source folder and is not installed"))
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines)


def package_lines(distribution: str) -> list[tuple[str, str]]:
    """Return what an installed distribution requires, and how that is met; of optional packages those that are here."""
    described = metadata.distribution(distribution)
    lines = []
    for line in described.requires or []:
        requirement = Requirement(line)
        extras = ["", *(described.metadata.get_all("Provides-Extra") or [])]
        marker = requirement.marker
        wanting = [extra for extra in extras if marker is None or marker.evaluate({"extra": extra})]
        text = package_text(requirement, wanting[0]) if wanting else None
        if text is not None:
            lines.append((requirement.name, text))
    return lines


def package_text(requirement: Requirement, extra: str) -> str | None:
    """Return how a requirement is met, in words; None for a package of an extra that is not installed."""
    wanted = str(requirement.specifier) or "any version"
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return None if extra else f"missing: {wanted} required"
    verdict = "ok" if requirement.specifier.contains(installed, prereleases=True) else "NOT MET"
    return f"{installed} ({wanted} required{f', extra {extra}' if extra else ''}): {verdict}"


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
