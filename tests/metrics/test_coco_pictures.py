"""Pictures of a COCO file are found by path, name and id, and never guessed."""

import pytest

from posekit.errors import DatasetError
from posekit.metrics.coco_truth import PictureIndex, TruthPicture


def index_of(*pictures):
    return PictureIndex(
        TruthPicture(number=number, identity=identity, file_name=name, size=None)
        for number, (identity, name) in enumerate(pictures, 1)
    )


INDEX = index_of((139, "val2017/000000000139.jpg"), (4, "cam1/0001.jpg"), (5, "cam2/0001.jpg"), ("x9", "c\\street.png"))


@pytest.mark.parametrize(
    ("picture", "number"),
    [
        ("/data/images/val/000000000139.jpg", 1),
        ("/data/cam1/0001.jpg", 2),
        ("cam2\\0001.jpg", 3),
        ("C:\\pictures\\street.png", 4),
        ("street", 4),
        (139, 1),
        (139.0, 1),
        ("139", 1),
        ("x9", 4),
    ],
)
def test_pictures_are_found(picture, number):
    assert INDEX.number(picture) == number


@pytest.mark.parametrize("picture", ["0001.jpg", "/other/cam3/0001.jpg"])
def test_pictures_that_several_could_be_are_refused(picture):
    with pytest.raises(DatasetError, match="could be any of 2 images of that name"):
        INDEX.number(picture)


@pytest.mark.parametrize("picture", [1, "none.jpg", "0001", "", None, 1.5])
def test_unknown_pictures_are_refused(picture):
    with pytest.raises(DatasetError, match="is not among the 4 images"):
        INDEX.number(picture)


def test_rows_with_an_ambiguous_file_name_go_by_their_id():
    assert INDEX.number_of_row("0001.jpg", 5) == 3
    assert INDEX.number_of_row("street.png", 5) == 4
    assert INDEX.number_of_row(None, "x9") == 4
    with pytest.raises(DatasetError, match="not among"):
        INDEX.number_of_row("0001.jpg", 1)
