"""Checks a whole data set: reads every split and runs all checks over it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from posekit.config.task_parts import TASKS_WITH_KEYPOINTS
from posekit.data.checks.duplicates import (
    find_duplicate_objects,
    find_duplicate_pictures,
    find_leakage,
    picture_prints,
)
from posekit.data.checks.finding import Finding
from posekit.data.checks.object_table import ObjectTable, table_of
from posekit.data.checks.outliers import find_outliers
from posekit.data.checks.statistics import Statistics, find_class_imbalance, measure
from posekit.data.checks.swapped_sides import find_swapped_sides
from posekit.data.checks.unused_keypoints import find_unused_keypoints
from posekit.data.checks.visibility import find_visibility_misuse
from posekit.data.description import DatasetDescription
from posekit.data.open_split import open_split
from posekit.data.problem import Problem
from posekit.data.read_description import read_description
from posekit.data.require_split import require_split
from posekit.data.split import Split
from posekit.errors import DatasetNotFoundError
from posekit.log import LOGGER
from posekit.schema import KeypointSchema
from posekit.schema.sigmas import SigmaChoice, resolve_sigmas


@dataclass(frozen=True, kw_only=True, eq=False)
class DataCheck:
    """What a check of a data set came to.

    Attributes:
        description: the data set.
        splits: its splits by name; several names may stand for the same pictures, which are then read once.
        schema: its keypoints; None for tasks without.
        sigmas: the OKS sigmas that losses and scores will use; None without keypoints.
        statistics: its numbers.
        findings: what the checks noticed, in the order of the checks.
        problems: what the readers stumbled over.
    """

    description: DatasetDescription
    splits: Mapping[str, Split]
    schema: KeypointSchema | None
    sigmas: SigmaChoice | None
    statistics: Statistics
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> int:
        """How many findings are errors; reader problems count as one."""
        return sum(finding.severity == "error" for finding in self.findings)


def check_dataset(data: str, *, task: str = "pose") -> DataCheck:
    """Read a data set and run all checks over it.

    Args:
        data: what ``data=`` takes in training and validation.
        task: how labels are read: detect, segment, pose or multitask.

    Raises:
        DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: it cannot be read.
        UnreadableImageError: a picture cannot be decoded.
    """
    description = read_description(data, task=task)
    splits = dict(_read_splits(description, task))
    schema = _schema(splits, task)
    names = next(iter(splits.values())).names
    table = table_of(splits, schema)
    statistics = measure(splits, table, len(names))
    findings = [*_reading(splits), *_label_findings(table, schema), *find_class_imbalance(statistics, names)]
    LOGGER.info("comparing %d pictures", sum(len(split.pictures) for split in splits.values()))
    prints = picture_prints(splits)
    findings += [*find_leakage(prints), *find_duplicate_pictures(prints), *find_duplicate_objects(table)]
    return DataCheck(
        description=description,
        splits=splits,
        schema=schema,
        sigmas=None if schema is None else resolve_sigmas(schema),
        statistics=statistics,
        findings=tuple(findings),
        problems=tuple(problem for split in splits.values() for problem in split.report.problems),
    )


def _read_splits(description: DatasetDescription, task: str) -> Iterator[tuple[str, Split]]:
    """Yield the splits that exist; train and val must, test may be missing."""
    seen = set()
    for name, places in description.splits.items():
        if places in seen:
            LOGGER.info("%s has the same pictures as another split, and is checked with it", name)
            continue
        seen.add(places)
        try:
            found = require_split(description, name)
        except DatasetNotFoundError as error:
            if name != "test":
                raise
            LOGGER.warning("%s", error)
            continue
        described = replace(description, splits=description.splits | {name: found})
        yield name, open_split(described, name, task=task)


def _schema(splits: Mapping[str, Split], task: str) -> KeypointSchema | None:
    """Return the keypoints that the task reads; a data set may have more than its labels are read for."""
    if task not in TASKS_WITH_KEYPOINTS:
        return None
    return next((split.schema for split in splits.values() if split.schema is not None), None)


def _label_findings(table: ObjectTable, schema: KeypointSchema | None) -> list[Finding]:
    if schema is None:
        return find_outliers(table, schema)
    return [
        *find_swapped_sides(table, schema),
        *find_visibility_misuse(table, schema),
        *find_unused_keypoints(table, schema),
        *find_outliers(table, schema),
        *_flips(schema),
    ]


def _reading(splits: Mapping[str, Split]) -> list[Finding]:
    """Return what reading left out as one finding."""
    corrupt = sum(split.report.corrupt for split in splits.values())
    dropped = sum(split.report.dropped for split in splits.values())
    count = sum(len(split.report.problems) for split in splits.values())
    if not count:
        return []
    return [
        Finding(
            code="problems",
            severity="error" if corrupt or dropped else "note",
            title=f"{count} remarks of the reader: {corrupt} pictures and {dropped} objects are left out",
            explanation="Each is listed at the end of this page with file and place.",
            advice="Mend the labels, or accept that these are missing.",
            count=count,
        )
    ]


def _flips(schema: KeypointSchema) -> list[Finding]:
    if schema.flip_idx is not None:
        return []
    return [
        Finding(
            code="no_flip_map",
            severity="warning",
            title="there is no flip_idx: training will not mirror pictures",
            explanation="The data set gives no flip map, and none can be told from left and right in kpt_names.",
            advice="Add flip_idx to the YAML: for each point the index of its mirror partner, itself for points "
            "without one. Mirroring doubles what the network sees.",
            count=0,
        )
    ]
