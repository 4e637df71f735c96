"""COCO ground truth made from plain arrays or YOLO labels, for data sets that have no COCO file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.coco_rows import picture_id
from posekit.metrics.similarity import BOX_FILL
from posekit.ops.polygons import polygon_area
from posekit.schema import KeypointSchema

Floats = NDArray[np.floating[Any]]


class LabelledPicture(Protocol):
    """What `truth_from_labels` reads of a picture; coordinates are fractions of its width and height.

    `path` of the picture, `size` (h, w), `classes` (N,), `boxes` (N, 4) centre and size, `keypoints` (N, K, 3)
    or None, `polygons` N outlines (P, 2), (0, 2) where there is none, or None.
    """

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def classes(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def boxes(self) -> NDArray[np.float32]: ...  # noqa: D102
    @property
    def keypoints(self) -> NDArray[np.float32] | None: ...  # noqa: D102
    @property
    def polygons(self) -> Sequence[NDArray[np.float32]] | None: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureObjects:
    """One picture and its N objects; coordinates are pixels of the original picture.

    Attributes:
        file_name: path of the picture.
        size: (h, w).
        classes: (N,) class numbers.
        boxes: (N, 4) corners x1 y1 x2 y2.
        keypoints: (N, K, 3) x, y, visibility; None without.
        polygons: N outlines (P, 2), empty where there is none; None without.
    """

    file_name: str
    size: tuple[int, int]
    classes: NDArray[Any]
    boxes: Floats
    keypoints: Floats | None = None
    polygons: Sequence[Floats] | None = None


def truth_from_labels(
    pictures: Iterable[LabelledPicture],
    names: Mapping[int, str],
    category_ids: Mapping[int, int] | None = None,
    schema: KeypointSchema | None = None,
) -> dict[str, Any]:
    """Return COCO ground truth made from labels in fractions of the picture; see `truth_from_arrays`."""
    return truth_from_arrays(map(_in_pixels, pictures), names, category_ids, schema)


def truth_from_arrays(
    pictures: Iterable[PictureObjects],
    names: Mapping[int, str],
    category_ids: Mapping[int, int] | None = None,
    schema: KeypointSchema | None = None,
) -> dict[str, Any]:
    """Return COCO ground truth, as a JSON file of COCO's would hold it.

    Pictures get the ids of `coco_rows.picture_id` when those differ from each other, else 1, 2, ... An object's area
    is that of its outline, else 0.53 of its box, as in the validator's OKS. No object is a crowd.

    Args:
        pictures: the pictures with their objects.
        names: class name of each class number.
        category_ids: category id of each class number; None for class number + 1.
        schema: the keypoints, which tells those of each class; None when all classes have the same.
    """
    ids = category_ids or {number: number + 1 for number in names}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures, 1):
        height, width = picture.size
        images.append({"id": number, "file_name": picture.file_name, "width": int(width), "height": int(height)})
        for row in range(len(picture.classes)):
            place = {"id": len(annotations) + 1, "image_id": number, "category_id": ids[int(picture.classes[row])]}
            annotations.append(place | _object(picture, row))
    _use_file_names_as_ids(images, annotations)
    categories = [{"id": ids[number], "name": name} | _points_of(number, schema) for number, name in names.items()]
    return {"images": images, "categories": categories, "annotations": annotations}


def _points_of(number: int, schema: KeypointSchema | None) -> dict[str, Any]:
    """Return the names of a class's own points, which tell padding from points that are only unlabelled."""
    count = 0 if schema is None else schema.points_of(number)
    return {"keypoints": list(schema.names[:count])} if schema is not None and count else {}


def _in_pixels(labels: LabelledPicture) -> PictureObjects:
    height, width = labels.size
    size = np.array([width, height], np.float64)
    centre, half = labels.boxes[:, :2] * size, labels.boxes[:, 2:] * size / 2
    keypoints = labels.keypoints
    return PictureObjects(
        file_name=labels.path,
        size=labels.size,
        classes=labels.classes,
        boxes=np.hstack([centre - half, centre + half]),
        keypoints=None if keypoints is None else np.dstack([keypoints[..., :2] * size, keypoints[..., 2:]]),
        polygons=None if labels.polygons is None else [polygon * size for polygon in labels.polygons],
    )


def _object(picture: PictureObjects, row: int) -> dict[str, Any]:
    x1, y1, x2, y2 = (float(value) for value in picture.boxes[row])
    fields: dict[str, Any] = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": BOX_FILL * (x2 - x1) * (y2 - y1)}
    fields["iscrowd"] = 0
    if picture.polygons is not None and len(picture.polygons[row]):
        outline = np.asarray(picture.polygons[row], np.float64)
        fields |= {"segmentation": [outline.ravel().tolist()], "area": polygon_area(outline)}
    if picture.keypoints is not None:
        points = np.asarray(picture.keypoints[row], np.float64)
        fields |= {"keypoints": points.ravel().tolist(), "num_keypoints": int(np.count_nonzero(points[:, 2] > 0))}
    return fields


def _use_file_names_as_ids(images: Sequence[dict[str, Any]], annotations: Sequence[dict[str, Any]]) -> None:
    """Give pictures the ids that their prediction rows have, unless two pictures would share one."""
    ids = [picture_id(image["file_name"]) for image in images]
    if len(set(ids)) < len(ids):
        return
    for image, identity in zip(images, ids, strict=True):
        image["id"] = identity
    for annotation in annotations:
        annotation["image_id"] = ids[annotation["image_id"] - 1]
