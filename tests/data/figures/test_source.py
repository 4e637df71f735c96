import numpy as np
import pytest

from posekit.data.figures.scene import is_figures, parse_figures
from posekit.errors import SourceValueError


def test_pictures_come_in_batches_without_their_labels():
    with parse_figures("figures:3:7", batch=2) as source:
        assert (source.count, source.live, source.is_video) == (3, False, False)
        batches = list(source)
    assert [len(batch) for batch in batches] == [2, 1]
    for index, sample in enumerate((sample for batch in batches for sample in batch), start=1):
        assert (len(sample.boxes), sample.keypoints, sample.masks) == (0, None, None)
        assert (sample.origin.kind, sample.origin.index, sample.origin.count) == ("image", index, 3)
        assert sample.path.endswith(".png")


def test_the_seed_decides_the_pictures():
    [[first]], [[again]], [[other]] = (list(parse_figures(f"figures:1:{seed}")) for seed in (4, 4, 5))
    assert np.array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)


def test_the_word_alone_is_eight_pictures():
    assert parse_figures("figures").count == 8


@pytest.mark.parametrize(
    ("text", "expected"), [("figures", True), ("figures:2", True), ("figures2", False), ("x", False)]
)
def test_the_word_is_recognised(text, expected):
    assert is_figures(text) == expected


@pytest.mark.parametrize("text", ["figures:", "figures:0", "figures:x", "figures:1:2:3", "figures:-1"])
def test_other_forms_are_refused(text):
    with pytest.raises(SourceValueError, match="figures:COUNT:SEED"):
        parse_figures(text)
