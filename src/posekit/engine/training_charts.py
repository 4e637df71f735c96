"""Pictures that show what a training learns from: its labels as charts, and batches as the network sees them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from posekit.data.checks.table import measure, table_of
from posekit.data.labels import Split
from posekit.engine.validation_writer import input_pictures
from posekit.ops.boxes import xywh_to_xyxy
from posekit.sample import Batch, Targets
from posekit.schema.schema import KeypointSchema
from posekit.viz.chart_style import save_chart_sheet
from posekit.viz.dataset_charts import box_size_chart, class_count_chart, mean_pose_chart, visibility_chart
from posekit.viz.draw import Scene
from posekit.viz.mosaics import MOST_PICTURES, save_batch_picture


def save_label_figure(split: Split, schema: KeypointSchema | None, path: str | Path) -> None:
    """Write the labels of a split as charts in one JPEG: classes, box sizes, and of keypoints visibility and mean pose.

    Folders on the way to `path` are made.

    Raises:
        ShapeError: the schema has another number of points than the labels.
    """
    parts = {split.name: split}
    statistics = measure(parts, table_of(parts, split.schema), max(split.names, default=-1) + 1)
    numbers = statistics.splits[0]
    note = f"{numbers.objects:,} objects on {numbers.pictures:,} pictures, {numbers.background:,} of them without any"
    names = [split.names.get(number, str(number)) for number in range(len(statistics.class_counts))]
    left = [("Objects per class", class_count_chart(statistics.class_counts, names))]
    right = [("Sizes of boxes", box_size_chart(statistics.box_sizes))]
    if schema is not None:
        left += [("Visibility of keypoints", visibility_chart(statistics.visibility, schema.names))]
        right += [("Mean pose within the box", mean_pose_chart(statistics.mean_points, schema))]
    save_chart_sheet(f"Labels of {split.name}", note, (left, right), path)


def save_training_batch(
    batch: Batch, names: Mapping[int, str], schema: KeypointSchema | None, path: str | Path
) -> None:
    """Write up to 16 pictures of a batch as the network sees them, with all that it is to learn, as one JPEG.

    Without a schema keypoints are dots only. Folders on the way to `path` are made.
    """
    assert batch.targets is not None
    shown = min(len(batch.images), MOST_PICTURES)
    pictures = input_pictures(batch.images[:shown])
    size = (int(batch.images.shape[2]), int(batch.images.shape[3]))
    scenes = [target_scene(batch.targets, picture, size, names, schema) for picture in range(shown)]
    titles = [Path(sample.path).name for sample in batch.samples[:shown]]
    save_batch_picture(pictures, scenes, titles, path)


def target_scene(
    targets: Targets, picture: int, size: tuple[int, int], names: Mapping[int, str], schema: KeypointSchema | None
) -> Scene:
    """Return the targets of one picture, by its index in the batch, as a scene in pixels of a network input (H, W)."""
    rows = targets.pictures == picture
    sides = np.array((size[1], size[0]), np.float32)
    classes = _array(targets.classes[rows]).astype(np.int64)
    scene = Scene(
        color_numbers=classes,
        boxes=_array(xywh_to_xyxy(targets.boxes[rows])).astype(np.float32) * np.tile(sides, 2),
        labels=[names.get(number, str(number)) for number in classes.tolist()],
        masks=_masks(targets, picture, rows),
        schema=schema,
    )
    if targets.keypoints is None:
        return scene
    return replace(scene, keypoints=_array(targets.keypoints[rows]).astype(np.float32) * np.append(sides, 1))


def _masks(targets: Targets, picture: int, rows: Tensor) -> NDArray[np.uint8] | None:
    """Return the masks (n, h, w) of one picture, 0 or 1, from either form."""
    if targets.masks is None:
        return None
    if not targets.overlap:
        return _array(targets.masks[rows]).astype(np.uint8)
    numbers = np.arange(1, int(rows.sum()) + 1)
    masks: NDArray[np.uint8] = (_array(targets.masks[picture]) == numbers[:, None, None]).astype(np.uint8)
    return masks


def _array(tensor: Tensor) -> NDArray[np.generic]:
    array: NDArray[np.generic] = tensor.detach().cpu().numpy()
    return array
