"""The table of `posekit checks`: what posekit runs on."""

import ctypes
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from operator import eq, ge, gt, le, lt, ne

from posekit.config.user import settings_file
from posekit.version import __version__

_COMPARE: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": ge, "<=": le, "==": eq, "!=": ne, ">": gt, "<": lt,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One requirement and how it is met.

    Attributes:
        package: distribution name.
        wanted: version limits such as ">=1.26,<3"; empty for any.
        extra: the optional extra that wants it; "" for the base.
        installed: version found; None when not installed.
    """

    package: str
    wanted: str
    extra: str
    installed: str | None

    @property
    def met(self) -> bool:
        """Whether the installed version lies within the limits."""
        return self.installed is not None and satisfies(self.installed, self.wanted)


def requirements(distribution: str = "posekit") -> list[Requirement] | None:
    """Return the requirements of an installed distribution; None when it is not installed as a package."""
    try:
        lines = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return None
    return [read_requirement(line) for line in lines]


def read_requirement(line: str) -> Requirement:
    """Read a line such as ``polars>=1.0; extra == 'polars'`` and look up the installed version."""
    requirement, _, marker = line.partition(";")
    match = re.match(r"\s*([\w.-]+)\s*(?:\[[^\]]*\])?\s*\(?([^)]*)\)?", requirement)
    if match is None:
        raise ValueError(f"unreadable requirement {line!r}")
    extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", marker)
    return Requirement(
        package=match[1],
        wanted=match[2].replace(" ", ""),
        extra=extra[1] if extra else "",
        installed=_installed(match[1]),
    )


def satisfies(version: str, wanted: str) -> bool:
    """Whether a version lies within comma-separated limits; only the release numbers are compared."""
    return all(_within(version, limit) for limit in wanted.split(",") if limit)


def _within(version: str, limit: str) -> bool:
    match = re.fullmatch(r"(>=|<=|==|!=|>|<)(.+)", limit)
    if match is None:
        raise ValueError(f"unknown version limit {limit!r}")
    left, right = _release(version), _release(match[2])
    length = max(len(left), len(right))
    return _COMPARE[match[1]](_padded(left, length), _padded(right, length))


def _release(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _padded(release: tuple[int, ...], length: int) -> tuple[int, ...]:
    return release + (0,) * (length - len(release))


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


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
