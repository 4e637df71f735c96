"""Installed package versions against what posekit's own metadata requires."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from operator import eq, ge, gt, le, lt, ne

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
