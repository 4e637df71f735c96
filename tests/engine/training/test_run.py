"""What a training cannot begin with is said in one line."""

import pytest
import yaml

from posekit.engine.training_run import share_of
from posekit.errors import DatasetError, DatasetKeyError, DatasetNotFoundError, PosekitError, SettingError


@pytest.fixture
def changed(people, tmp_path):
    """Return a function that writes the data set's description with other values."""

    def write(**values):
        path = tmp_path / "changed.yaml"
        described = yaml.safe_load(people.read_text()) | {"path": str(people.parent)} | values
        path.write_text(yaml.safe_dump({key: value for key, value in described.items() if value is not None}))
        return str(path)

    return write


@pytest.fixture
def unlabelled(people, tmp_path):
    """The pictures of the data set without labels."""
    folder = tmp_path / "unlabelled"
    for path in (people.parent / "images").rglob("*.jpg"):
        target = folder / path.relative_to(people.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return str(folder)


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"train": "images/nowhere"}, DatasetNotFoundError, "nowhere"),
        ({"val": "images/nowhere"}, DatasetNotFoundError, "nowhere"),
        ({"val": None}, DatasetKeyError, "val"),
        ({"kpt_shape": None}, DatasetKeyError, "kpt_shape"),
        ({"kpt_shape": [5, 3], "flip_idx": None, "kpt_names": None, "skeleton": None, "kpt_oks_sigmas": None},
         DatasetError, "no picture of its split 'train' can be used"),
        ({"names": None}, PosekitError, "names"),
    ],
)  # fmt: skip
def test_a_data_set_that_cannot_be_used_is_one_clear_error(train, changed, here, values, error, words):
    with pytest.raises(error, match=words) as caught:
        train(data=changed(**values))
    assert "\n" not in str(caught.value)
    assert not (here / "runs").exists()


def test_a_data_set_that_is_not_there_is_one_clear_error(train):
    with pytest.raises(DatasetNotFoundError, match=r"nothing\.yaml"):
        train(data="nothing.yaml")


def test_pictures_without_objects_are_nothing_to_learn_from(train, changed, unlabelled, here):
    with pytest.raises(DatasetError, match="training pictures have no objects: nothing to learn from"):
        train(data=changed(path=unlabelled))
    assert not (here / "runs").exists()


def test_chosen_classes_without_objects_are_nothing_to_learn_from(train):
    with pytest.raises(DatasetError, match=r"no objects of classes=\[3\]: nothing to learn from"):
        train(classes=[3])


def test_validation_pictures_may_be_without_objects(train, changed, unlabelled, recwarn):
    trainer = train(data=changed(val=f"{unlabelled}/images/val"), epochs=1)
    assert trainer.fitness == 0.0


def test_an_input_size_between_strides_is_rounded_up_with_a_warning(train, caplog):
    assert train(imgsz=40, epochs=1).run.settings.imgsz == 64
    assert "imgsz=40 is no multiple of the stride 32: rounded up to 64" in caplog.text


@pytest.mark.parametrize(
    ("fraction", "train", "val"), [(0.5, 0.5, 1.0), (7, 7, 1.0), ((0.5,), 0.5, 0.5), ((5, 0.1, 0.2), 5, 0.1)]
)
def test_one_fraction_is_for_training_and_several_are_for_each_split(fraction, train, val):
    assert (share_of("train", fraction), share_of("val", fraction)) == (train, val)


def test_an_empty_list_of_fractions_is_refused():
    with pytest.raises(SettingError, match="fraction="):
        share_of("train", ())
