"""Every exported file is compared with the network in PyTorch, on pictures of all kinds, before it counts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from posekit.config.settings import ExportSettings, PredictSettings, ValSettings
from posekit.data.figures import SceneSettings, make_scene
from posekit.engine.device import select_device
from posekit.engine.validation_run import ValidationRun, open_validation
from posekit.engine.validator import Validator
from posekit.errors import CheckpointError, DatasetKeyError, ExportError, MissingExtraError, PosekitError, SettingError
from posekit.export.differences import CONFIDENT, LEAST, LIMITS, Differences, Rows
from posekit.io.decode import read_image
from posekit.log import LOGGER, one_line
from posekit.models.contract import Deployed, Model, Network
from posekit.models.exported.facts import Facts, Size
from posekit.models.exported.model import ExportedModel, Outputs
from posekit.models.exported.open import open_exported
from posekit.models.exported.sessions import SESSIONS, start_session
from posekit.sample import Batch, Floats, Sample

# Pictures of the data set that single predictions are compared on, and that the average precision is measured on.
COMPARED_PICTURES: Final = 16
MEASURED_PICTURES: Final = 500
SECOND_BATCH: Final = 3
SEED: Final = 4_000_000  # of the first scene, far from those that tests and examples draw


class ModuleSession:
    """A network in PyTorch in the place of a runtime, so that all around it is the same."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self.provider = "PyTorch"

    def run(self, images: Floats) -> list[NDArray[Any]]:
        """See `posekit.models.exported.sessions.Session`."""
        with torch.inference_mode():
            outputs = self._module(torch.from_numpy(images))
        return [output.float().numpy() for output in outputs]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A file, and the network that it has to agree with.

    Attributes:
        file: the file, loaded by its runtime.
        graph: the network in 32 bits, as it was written.
        network: the network as it predicts without being exported.
        settings: of detections.
    """

    file: ExportedModel
    graph: ExportedModel
    network: Model
    settings: PredictSettings


def check_file(draft: Path, network: Network, reference: Deployed, settings: ExportSettings) -> Differences | None:
    """Compare a file with the network that it was made of, and say in one line how far they agree.

    Args:
        draft: the file or folder, with what it says of itself.
        network: which stays as it is.
        reference: the network for a file of the same format, in 32 bits.
        settings: of the export.

    Returns:
        What they differ by; None where the file cannot be run here.

    Raises:
        ExportError: they do not agree; the message says where.
    """
    name = settings.format
    with _telling(name), _as_it_was(network.network):
        pair, reason = _opened(draft, network, reference, settings)
    if pair is None:
        LOGGER.warning("%s: written unchecked: %s", name, reason)
        return None
    facts = pair.file.facts
    run = _validation(name, settings.data, pair)
    samples = [*drawn_pictures(), *([] if run is None else _labelled_pictures(run))]
    with _telling(name), torch.backends.cudnn.flags(allow_tf32=False), _as_it_was(network.network):
        differences = _compare(pair, samples)
        if facts.dynamic:
            _compare_elsewhere(pair, samples[:SECOND_BATCH], differences, may_grow=name != "engine")
    _say(name, facts, differences, len(samples))
    if run is not None:
        with _telling(name):
            _compare_precision(name, pair, run)
    return differences


def drawn_pictures() -> list[Sample]:
    """Return pictures of drawn figures: some as they are, letterboxed, crowded, of extreme shapes, and empty ones."""
    shapes = [(640, 480), (640, 480), (640, 480), (360, 640), (1280, 360), (96, 64)]
    drawn = [_scene(SEED + number, (height, width)) for number, (width, height) in enumerate(shapes)]
    crowd = _scene(SEED + len(shapes), (640, 640), people=(14, 18), body_height=(0.2, 0.5))
    stretched = [cv2.resize(drawn[0], size, interpolation=cv2.INTER_AREA) for size in ((20000, 200), (1, 1), (3, 900))]
    empty = [np.full((480, 640, 3), level, np.uint8) for level in (114, 0)]
    names = (
        [f"figures-{number}" for number in range(1, len(drawn) + 1)]
        + ["crowded"]
        + ["stretched"] * len(stretched)
        + ["grey", "black"]
    )
    pictures = [*drawn, crowd, *(np.asarray(picture, np.uint8) for picture in stretched), *empty]
    return [
        Sample(image=picture, path=f"{name} {picture.shape[1]}x{picture.shape[0]}")
        for name, picture in zip(names, pictures, strict=True)
    ]


def _scene(seed: int, size: Size, **changes: Any) -> NDArray[np.uint8]:
    return make_scene(seed, SceneSettings(size=size, **changes)).image


def _opened(draft: Path, network: Network, reference: Deployed, settings: ExportSettings) -> tuple[Pair | None, str]:
    """Return the file and the network, or why the file cannot be run here."""
    exported = open_exported(draft)
    if exported.facts != reference.facts:
        raise ExportError("what the file says of itself is not what was written into it")
    if exported.format not in SESSIONS:
        return None, "posekit does not run files of this format"
    origin = next(network.network.parameters()).device
    device = {"torchscript": origin, "engine": select_device(settings.device)}.get(exported.format, torch.device("cpu"))
    try:
        session = start_session(exported.format, draft, exported.facts, device, settings.converter_python)
    except (MissingExtraError, SettingError) as error:
        return None, one_line(error)
    facts = exported.facts
    ranked = facts.selection == "rank" or (facts.layout == "rows" and facts.iou is None)
    wanted = PredictSettings(
        conf=max(CONFIDENT, facts.conf or 0),
        iou=0.7 if facts.iou is None else facts.iou,
        nms=not ranked,
        agnostic_nms=settings.agnostic_nms and facts.layout == "rows",
        max_det=facts.max_det or 300,
        imgsz=facts.imgsz,
        rect=False,
        verbose=False,
    )
    file = ExportedModel(facts, session, str(draft.name))
    graph = ExportedModel(replace(facts, precision=32), ModuleSession(reference.module.cpu()), "PyTorch")
    return Pair(file=file, graph=graph, network=network.ready(wanted, origin), settings=wanted), ""


def _compare(pair: Pair, samples: Sequence[Sample]) -> Differences:
    """Compare what is found on pictures, and the outputs behind it."""
    facts = pair.file.facts
    differences = Differences(facts, LIMITS[facts.precision])
    batches = [
        pair.file.placing.prepare(list(samples[start : start + facts.batch]), facts.imgsz, rect=False)
        for start in range(0, len(samples), facts.batch)
    ]
    found = [_detected(pair, batch) for batch in batches]
    trained = any(len(one) for parts in found for one in parts)
    least = LEAST if facts.precision == 32 or not trained else 0
    for batch, expected in zip(batches, found, strict=True):
        outputs, moved = _compare_outputs(pair, batch, differences, least)
        detected = pair.file.detect(outputs, batch, pair.settings, "prototypes")
        for sample, one, other, far in zip(batch.samples, expected, detected, moved, strict=True):
            with _at(sample):
                differences.found(
                    one, Rows.of_detected(other), conf=pair.settings.conf, max_det=pair.settings.max_det, moved=far
                )
    if differences.lost > differences.limits.lost * differences.detections and differences.limits.lost:
        raise ExportError(f"{differences.lost} of {differences.detections} detections are missing")
    return differences


def _detected(pair: Pair, batch: Batch) -> list[Rows]:
    """Return what the network finds without being exported."""
    outputs = pair.network.run(batch, pair.settings)
    return [Rows.of_detected(one) for one in pair.network.detect(outputs, batch, pair.settings, "prototypes")]


def _compare_outputs(pair: Pair, batch: Batch, differences: Differences, least: int) -> tuple[Outputs, list[int]]:
    """Compare the outputs for a batch; return those of the file, and for each picture how many queries have moved."""
    facts, size = pair.file.facts, (batch.images.shape[2], batch.images.shape[3])
    own, other = pair.graph.run(batch, pair.settings), pair.file.run(batch, pair.settings)
    parts = [
        tuple({name: value[index] for name, value in outputs.items()} for outputs in (own, other))
        for index in range(len(batch.samples))
    ]
    for sample, (first, second) in zip(batch.samples, parts, strict=True):
        with _at(sample):
            differences.shapes(first, second)
    moved = [0] * len(parts)
    whole, theirs = (
        None if facts.layout == "queries" else pair.file.predictions(outputs, size) for outputs in (own, other)
    )
    for index, (sample, (first, second)) in enumerate(zip(batch.samples, parts, strict=True)):
        with _at(sample):
            if whole is None or theirs is None:
                moved[index] = differences.queries(first, second, size, least)
            elif facts.layout == "rows":
                differences.rows(_rows(whole[index], facts), _rows(theirs[index], facts), least)
            else:
                differences.dense(whole[index], theirs[index], least)
            if facts.masks:
                differences.masks(first[facts.outputs[-1]], second[facts.outputs[-1]])
    return other, moved


def _rows(values: Tensor, facts: Facts) -> Rows:
    """Return the rows (max_det, 6 + K * D + M) that hold something."""
    values = values[values[:, 4] > 0]
    shape = None if facts.schema is None else facts.schema.shape
    end = 6 + (0 if shape is None else shape[0] * shape[1])
    return Rows(
        boxes=values[:, :4], scores=values[:, 4], classes=values[:, 5].round().long(),
        points=None if shape is None else values[:, 6:end].reshape(-1, *shape),
        coefficients=values[:, end:] if facts.masks else None,
    )  # fmt: skip


def _compare_elsewhere(pair: Pair, samples: Sequence[Sample], differences: Differences, *, may_grow: bool) -> None:
    """Run a dynamic file at another size and with another batch, which is where wrong graphs show themselves."""
    facts = pair.file.facts
    size = facts.imgsz if facts.layout == "queries" else second_size(facts.imgsz, facts.stride, may_grow=may_grow)
    count = SECOND_BATCH if may_grow else min(facts.batch, SECOND_BATCH)
    batch = pair.file.placing.prepare(list(samples[:count]), size, rect=False)
    try:
        _compare_outputs(pair, batch, differences, LEAST if facts.precision == 32 else 0)
    except ExportError as error:
        raise ExportError(f"with {count} pictures of {size[0]}x{size[1]} pixels {error}") from error
    except Exception as error:  # runtimes raise classes of their own
        reason = one_line(error, longest=200)
        raise ExportError(f"running {count} pictures of {size[0]}x{size[1]} pixels fails: {reason}") from error


def second_size(size: Size, stride: int, *, may_grow: bool) -> Size:
    """Return another (H, W) than that of the export, with sides of different lengths and another area."""
    step = stride if may_grow else -stride
    height, width = max(size[0] + step, stride), max(size[1] + 2 * step, stride)
    return (height, width) if height != width else (height, max(width + step, stride))


def _validation(name: str, data: str | None, pair: Pair) -> ValidationRun | None:
    """Return a validation on the first pictures of a data set; None without one, or where it has no val split."""
    if data is None:
        return None
    facts = pair.file.facts
    defaults = ValSettings()
    settings = replace(
        defaults, data=data, conf=max(defaults.conf or 0.001, facts.conf or 0), rect=False, plots=False, verbose=False,
        fraction=MEASURED_PICTURES, nms=pair.settings.nms,
    )  # fmt: skip
    try:
        return open_validation(settings, pair.file)
    except DatasetKeyError as error:
        LOGGER.warning("%s: the average precision is not compared: %s", name, one_line(error))
        return None


def _labelled_pictures(run: ValidationRun) -> list[Sample]:
    paths = run.split.pictures.paths
    chosen = sorted({round(index) for index in np.linspace(0, len(paths) - 1, COMPARED_PICTURES)})
    return [Sample(image=read_image(Path(paths[index])), path=Path(paths[index]).name) for index in chosen]


def _compare_precision(name: str, pair: Pair, run: ValidationRun) -> None:
    """Measure network and file on a data set, and say what both reach."""
    limit = LIMITS[pair.file.facts.precision].ap
    parts = []
    own, other = (_average_precision(model, run) for model in (pair.graph, pair.file))
    for part, value in own.items():
        parts.append(f"{part} {value:.4f} in PyTorch, {other[part]:.4f} in the file")
        if value - other[part] > limit:
            raise ExportError(f"the AP of {parts[-1]}: it loses more than {limit:g} on {run.settings.data}")
    LOGGER.info("%s: AP of %s (%d pictures of %s)", name, "; ".join(parts), len(run.split.pictures), run.settings.data)


def _average_precision(model: ExportedModel, run: ValidationRun) -> dict[str, float]:
    """Return mAP50-95 by part: boxes, masks, keypoints."""
    validator = Validator()
    validator.model = model
    return {part: scores.map for part, scores in validator.run(run).parts.items()}


def _say(name: str, facts: Facts, differences: Differences, pictures: int) -> None:
    largest = differences.largest
    pixels = max((largest[kind] for kind in ("boxes", "keypoints") if kind in largest), default=0.0)
    scores = max((largest[kind] for kind in ("scores", "confidences") if kind in largest), default=0.0)
    what = "boxes" if facts.schema is None else "boxes and keypoints"
    moved = f", {differences.moved} of {differences.ranks} ranks moved" if differences.moved else ""
    if not differences.compared and not differences.detections and not differences.moved:
        LOGGER.warning(
            "%s: nothing on %d pictures reaches conf=%g, in PyTorch and in the file: little could be compared",
            name, pictures, facts.conf or CONFIDENT,
        )  # fmt: skip
        return
    if facts.precision == 8 and not differences.detections:
        LOGGER.warning("%s: PyTorch finds nothing on %d pictures either: pass data= to check 8 bits", name, pictures)
        return
    if facts.precision == 8:
        kept = differences.detections - differences.lost
        LOGGER.info(
            "%s in 8 bits finds %d of %d detections of PyTorch on %d pictures: %s within %s px, scores within %s",
            name, kept, differences.detections, pictures, what, _shown(pixels), _shown(scores),
        )  # fmt: skip
        return
    LOGGER.info(
        "%s agrees with PyTorch: %s within %s px, scores within %s on %d pictures (%d confident predictions%s)",
        name, what, _shown(pixels), _shown(scores), pictures, differences.confident, moved,
    )  # fmt: skip


def _shown(value: float) -> str:
    """Return a number with its first digit that is not 0."""
    return np.format_float_positional(max(value, 1e-6), precision=1, fractional=False, trim="-")


@contextmanager
def _at(sample: Sample) -> Iterator[None]:
    """Say on which picture something differs."""
    try:
        yield
    except ExportError as error:
        raise ExportError(f"{error} on picture {sample.path}") from error


@contextmanager
def _telling(name: str) -> Iterator[None]:
    """Say of every error which format it is about, and that nothing was written."""
    remedy = "nothing was written; check=False writes it in spite of that"
    try:
        yield
    except ExportError as error:
        raise ExportError(f"format={name}: the file gives other results than the network: {error}; {remedy}") from error
    except CheckpointError as error:
        raise ExportError(f"format={name}: the file cannot be opened: {error}; {remedy}") from error
    except PosekitError:
        raise
    except Exception as error:  # runtimes raise classes of their own
        reason = one_line(error, longest=200)
        raise ExportError(
            f"format={name}: running the file fails: {type(error).__name__}: {reason}; {remedy}"
        ) from error


@contextmanager
def _as_it_was(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and every module back into the mode that it had."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
