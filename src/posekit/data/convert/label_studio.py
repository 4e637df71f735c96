"""Reads the JSON export of Label Studio."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posekit.data.annotation import AnnotationSet
from posekit.data.coco.picture_search import PictureSearch
from posekit.data.coco.values import UnusableValueError
from posekit.data.convert.join_shapes import join_shapes
from posekit.data.convert.label_studio_pictures import find_picture, picture_name, pixels_of
from posekit.data.convert.label_studio_regions import read_regions
from posekit.data.convert.named import NamedPicture, NamedSchema
from posekit.data.convert.number_objects import number_objects
from posekit.data.problem_list import ProblemList
from posekit.errors import DatasetError
from posekit.files.json_file import load_json

# Old exports call the annotations of a task completions.
_ANNOTATION_KEYS = ("annotations", "completions")


def read_label_studio(source: Path, *, images: Path | None = None) -> AnnotationSet:
    """Read a JSON export of Label Studio.

    Keypoints belong to the rectangle or polygon that they are children of or related to; else to the only one they
    lie in; on a picture without any they make one object. Classes and keypoints stand in alphabetical order, since
    the export tells no other. Of several annotations of a task the one marked as ground truth counts, else the
    newest; predictions do not count, and a task without annotation is left out.

    Args:
        source: the JSON file.
        images: folder to look for the pictures in first; they are also looked for beside the file.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: it is no JSON export, or the export called JSON-MIN.
    """
    tasks = load_json(source)
    _check_form(tasks, source)
    problems = ProblemList(str(source))
    search = PictureSearch(source, [] if images is None else [images])
    pictures = []
    for number, task in enumerate(tasks):
        task_id = task.get("id") if isinstance(task, dict) else None
        place = f"task {task_id if isinstance(task_id, int) else f'[{number}]'}"
        try:
            picture = _read_task(task, place, search, problems)
        except UnusableValueError as error:
            text = f"{error.field} {error.message}: the picture is left out"
            problems.add(place, text, error.code, objects=_count_results(task), picture=True)
            continue
        pictures.append(picture)
    objects = [thing for picture in pictures for thing in picture.objects]
    named = NamedSchema(
        classes=sorted({thing.label for thing in objects}),
        points=sorted({name for thing in objects for name in thing.points}),
    )
    return number_objects(pictures, named, problems)


def _check_form(tasks: Any, source: Path) -> None:
    if not isinstance(tasks, list) or not tasks or not isinstance(tasks[0], dict):
        raise DatasetError(f"{source}: is no export of Label Studio, which is a list of tasks")
    if isinstance(tasks[0].get("data"), dict) and any(key in tasks[0] for key in (*_ANNOTATION_KEYS, "predictions")):
        return
    if "annotation_id" in tasks[0] or "annotator" in tasks[0]:
        raise DatasetError(
            f"{source}: is Label Studio's export JSON-MIN, which does not tell which keypoint belongs to which "
            "rectangle: export again and choose JSON"
        )
    keys = ", ".join(str(key)[:30] for key in list(tasks[0])[:6])
    raise DatasetError(
        f"{source}: its tasks have the keys {keys}; those of a Label Studio export are data, annotations"
    )


def _read_task(task: Any, place: str, search: PictureSearch, problems: ProblemList) -> NamedPicture:
    if not isinstance(task, dict):
        raise UnusableValueError("the task", "is no dictionary", "bad_task")
    results = _results(task, place, problems)
    name = picture_name(task)
    path = find_picture(search, task, name)
    size = pixels_of(results, path)
    regions = read_regions(results, size, place, problems)
    task_id = task.get("id")
    return NamedPicture(
        file_name=name,
        path=path,
        size=size,
        objects=tuple(join_shapes(regions, problems)),
        image_id=task_id if isinstance(task_id, int) else None,
    )


def _results(task: Mapping[str, Any], place: str, problems: ProblemList) -> Sequence[Any]:
    """Return the regions and relations of the annotation that counts."""
    listed: list[Any] = next((task[key] for key in _ANNOTATION_KEYS if isinstance(task.get(key), list)), [])
    usable = [entry for entry in listed if isinstance(entry, dict) and not entry.get("was_cancelled")]
    if not usable:
        raise UnusableValueError("the task", "has no annotation: nobody has labelled it yet", "not_labelled")
    chosen = max(usable, key=_rank)
    others = [len(entry["result"]) for entry in usable if entry is not chosen and isinstance(entry.get("result"), list)]
    if others:
        text = f"has {len(usable)} annotations: the one marked as ground truth counts, else the newest"
        problems.add(place, f"{text}; {sum(others)} entries of the others are left out", "several_annotations")
    results = chosen.get("result")
    if not isinstance(results, list):
        raise UnusableValueError("annotations", "have no list of results", "bad_task")
    return results


def _rank(entry: Mapping[str, Any]) -> tuple[bool, str]:
    """Sort ground truth last, then the newest; times are written so that text sorts like time."""
    return bool(entry.get("ground_truth")), str(entry.get("updated_at") or entry.get("created_at") or "")


def _count_results(task: Any) -> int:
    """Return how many regions are lost with a task that cannot be used."""
    known = task if isinstance(task, dict) else {}
    listed: list[list[Any]] = [known[key] for key in _ANNOTATION_KEYS if isinstance(known.get(key), list)]
    results = [entry.get("result") for entries in listed for entry in entries if isinstance(entry, dict)]
    return sum(len(result) for result in results if isinstance(result, list))
