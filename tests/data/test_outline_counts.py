import numpy as np
import pytest

from posekit.data.labels import Labels, PictureLabels
from posekit.data.open_split import settle_outlines
from posekit.errors import DatasetError

OUTLINE = np.float32([[0.1, 0.1], [0.4, 0.1], [0.4, 0.5]])
NONE = np.zeros((0, 2), np.float32)


def labels(name, polygons, count=None):
    objects = len(polygons or ()) if count is None else count
    return PictureLabels(
        path=name,
        size=(20, 20),
        classes=np.zeros(objects, np.int64),
        boxes=np.full((objects, 4), 0.5, np.float32),
        polygons=polygons,
    )


def settle(pictures, task):
    """Return how many polygons each picture has."""
    settled = settle_outlines(Labels.join(pictures, polygons=task == "segment"), task=task, source="d.yaml")
    return [None if one.polygons is None else len(one.polygons) for one in settled]


@pytest.mark.parametrize("task", ["segment", "detect"])
def test_outlines_of_all_objects_stay_and_backgrounds_have_no_entry(task):
    assert settle([labels("a", (OUTLINE, OUTLINE)), labels("b", None)], task) == [2, 0]


def test_detection_drops_all_outlines_when_one_is_missing_and_says_so(caplog):
    mixed = [labels("a", (OUTLINE, OUTLINE)), labels("b", None, count=1), labels("c", (OUTLINE, NONE))]
    assert settle(mixed, "detect") == [None, None, None]
    assert "d.yaml: 3 of its 5 objects have an outline (one of b has none); no outline is used" in caplog.text


def test_segmentation_needs_an_outline_for_each_object():
    with pytest.raises(DatasetError, match=r"d\.yaml: 1 of its 2 objects have an outline \(one of c has none\)"):
        settle([labels("a", ()), labels("c", (OUTLINE, NONE))], "segment")


def test_multitask_objects_may_lack_an_outline():
    assert settle([labels("c", (OUTLINE, NONE))], "multitask") == [2]


def test_boxes_alone_stay_as_they_are(caplog):
    assert settle([labels("a", None, count=3)], "detect") == [None]
    assert not caplog.records
