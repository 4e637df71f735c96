"""Converters that cannot live beside posekit: scripts run by the interpreter of an environment of their own.

A script in `posekit/export/converters` imports nothing of posekit. It is started with one argument, a JSON table, in
an empty folder that goes away afterwards, and says what it fails of in the last line that it prints. The file
``NAME.txt`` beside it lists the packages that it takes. Nothing is ever installed by posekit: the one command that
makes the environment stands in every error about it.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from posekit.errors import ExportError, SettingError

CONVERTERS: Final = Path(__file__).parent / "converters"
# What converters may not do: change an environment, or fetch packages.
FENCES: Final = {"PIP_REQUIRE_VIRTUALENV": "1", "PIP_NO_INDEX": "1"}
LONGEST_REASON: Final = 300


def environment_command(requirements: Path) -> str:
    """Return the command that makes the environment of a requirement file, named as the file is."""
    folder = f"posekit-{requirements.stem}"
    return f"python3.11 -m venv {folder} && {folder}/bin/pip install -r {requirements}"


def interpreter(format_name: str, python: str | None, requirements: Path) -> str:
    """Return the full path of the interpreter that a user names for a format.

    Without ``converter_python`` a variable of the environment names it, such as ``POSEKIT_TENSORFLOW_PYTHON``.

    Raises:
        SettingError: none is named, or there is none of that name; the message says how one is made.
    """
    make = f"make its environment once ({environment_command(requirements)})"
    python = python or os.environ.get(f"POSEKIT_{requirements.stem.upper()}_PYTHON")
    if not python:
        named = f"converter_python=posekit-{requirements.stem}/bin/python"
        raise SettingError(f"format={format_name} is converted by an interpreter of its own: {make}, then pass {named}")
    found = shutil.which(Path(python).expanduser())
    if found is None:
        raise SettingError(f"converter_python={python}: there is no such program for format={format_name}: {make}")
    return str(Path(found).absolute())


def run_converter(
    format_name: str, python: str | None, script: Path, arguments: Mapping[str, Any], requirements: Path
) -> None:
    """Run a script by an interpreter of another environment, and wait for it.

    Args:
        format_name: as in ``format=``, for messages.
        python: path or name of the interpreter; None as long as the user has named none.
        script: which is given `arguments`.
        arguments: plain values as JSON takes them; paths are handed over as full ones.
        requirements: file of the packages that the script takes.

    Raises:
        SettingError: there is no such interpreter.
        ExportError: the script failed; the message is the last line that it printed.
    """
    program = interpreter(format_name, python, requirements)
    plain = {key: str(value.absolute()) if isinstance(value, Path) else value for key, value in arguments.items()}
    # What points this interpreter to its packages would mislead the other one.
    inherited = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    with TemporaryDirectory(prefix="posekit-") as folder:
        done = subprocess.run(
            [program, "-I", str(script), json.dumps(plain)], cwd=folder, env=inherited | FENCES,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    if done.returncode:
        lines = [line.strip() for line in done.stdout.decode(errors="replace").splitlines() if line.strip()]
        reason = lines[-1][:LONGEST_REASON] if lines else f"it ended with status {done.returncode}"
        lacks = "No module named" in reason
        cure = f"; its environment is made by: {environment_command(requirements)}" if lacks else ""
        raise ExportError(f"format={format_name}: the converter in {program} failed: {reason}{cure}")
