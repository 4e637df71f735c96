"""Export: a network, settings and a name in; a checked file out."""

import errno
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from posekit.config.settings import ExportSettings
from posekit.engine.device import select_device
from posekit.errors import ExportError, PosekitError, SettingError
from posekit.export.differences import Differences
from posekit.export.formats import FORMATS
from posekit.export.int8 import calibration_pictures
from posekit.export.parity import check_file
from posekit.files.writing import drafting, naming_errors
from posekit.log import LOGGER
from posekit.models.contract import Deployed, Network
from posekit.models.exported.facts import Dialect, Facts
from posekit.models.exported.metadata import write_texts

MEGABYTE = 1e6
# What the system says where a file cannot be written; other errors of the system come from within converters.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG, errno.EPERM)


@dataclass
class ExportRun:
    """One export; callbacks receive it.

    Attributes:
        network: what is exported.
        args: the settings.
        weights: file of the network; its stem names what is written.
        file: what was written; None before.
    """

    network: Network
    args: ExportSettings
    weights: Path
    file: Path | None = None

    def write(self) -> Path:
        """Export; see `export_network`."""
        self.file = export_network(self.network, self.args, self.weights)
        return self.file


def export_network(
    network: Network,
    settings: ExportSettings,
    weights: Path,
    tell: Callable[[Differences | None], None] = lambda differences: None,
) -> Path:
    """Write a network in the format of the settings, beside its weights; what was there is replaced.

    Args:
        network: which stays as it is.
        settings: format and what it takes.
        weights: file of the network; its stem names what is written.
        tell: gets what the check has found, where there was one.

    Returns:
        The file or folder.

    Raises:
        SettingError: the format has no such setting, the network cannot be written so, or 8 bits lack pictures.
        DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: the data set that 8 bits are
            calibrated on cannot be used.
        MissingExtraError: the converter is not installed.
        OutputError: the file cannot be written.
        ExportError: the converter failed, or what it wrote gives other results than the network; nothing is left.
    """
    form = FORMATS[settings.format]
    form.check(settings)
    if settings.device is not None:
        select_device(settings.device)  # one that is not here is refused, though graphs are traced on the CPU
    bound = form.bound_to(settings)
    start = perf_counter()
    dialect = form.dialect_for(settings)
    deployed = network.deployed(settings, dialect)
    if form.no_queries and deployed.facts.placing == "stretch":
        raise SettingError(f"format={form.name} does not take RF-DETR networks: {form.no_queries}")
    deployed = replace(deployed, facts=replace(deployed.facts, model=weights.stem, made_with=bound))
    target = weights.with_name(weights.stem + form.ending)
    calibrates = settings.precision == 8 and "data" in form.arguments
    pictures = calibration_pictures(network, settings, deployed.facts) if calibrates else ()
    with naming_errors(target), drafting(target) as draft:
        with _converting(form.name):
            form.writer(deployed, settings, draft, pictures)
        write_texts(draft, deployed.facts.to_texts())
        if settings.check:
            tell(check_file(draft, network, _reference(network, settings, dialect, deployed.facts), settings))
    LOGGER.info("%s (%.1f MB) written in %.1f s", target, size_of(target) / MEGABYTE, perf_counter() - start)
    return target


def _reference(network: Network, settings: ExportSettings, dialect: Dialect, facts: Facts) -> Deployed:
    """Return the network once more, untouched by converters and in 32 bits, to compare the file with."""
    exact = replace(settings, precision=32) if settings.half else settings
    return Deployed(module=network.deployed(exact, dialect).module, facts=facts)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


@contextmanager
def _converting(name: str) -> Iterator[None]:
    """Keep converters quiet, which print what nobody asked for, and say in one line what they failed of."""
    try:
        with _silence():
            yield
    except (PosekitError, KeyboardInterrupt):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            raise
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
        raise ExportError(f"format={name}: the converter failed: {type(error).__name__}: {reason}") from error


@contextmanager
def _silence() -> Iterator[None]:
    """Send what converters print, by Python or not, nowhere; warnings and records of foreign loggers, too."""
    _flush()  # what was printed before is still to be seen
    kept = {number: os.dup(number) for number in (1, 2) if _is_open(number)}
    level, handlers = logging.root.manager.disable, logging.root.handlers[:]
    try:
        with ExitStack() as stack:
            nowhere = stack.enter_context(Path(os.devnull).open("w"))
            stack.enter_context(redirect_stdout(nowhere))  # notebooks show what Python prints by other ways
            stack.enter_context(redirect_stderr(nowhere))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            logging.disable(logging.CRITICAL)
            for number in kept:
                os.dup2(nowhere.fileno(), number)
            yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        logging.disable(level)
        logging.root.handlers[:] = handlers


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _flush() -> None:
    """Send on what Python has kept of printed text; programs can have closed their streams, or have none."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
