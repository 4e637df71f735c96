"""The setting ``augmentations``: transforms of albumentations within a training, and after an interruption."""

import subprocess
import sys

import albumentations
import numpy as np
import pytest
import torch
import yaml

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.errors import SettingError, SettingTypeError
from small_trainings import environment

PLAIN = {"mosaic": 0.0, "scale": 0.0, "translate": 0.0, "fliplr": 0.0, "hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0}
MIRROR = [albumentations.HorizontalFlip(p=1)]
RANDOM = [albumentations.Affine(rotate=(-30, 30), p=0.5), albumentations.HorizontalFlip(p=0.5)]


class Interrupted(Exception):
    """Raised by a callback."""


def invert(image, **_):
    return 255 - image


def interrupted(train, **settings):
    """Begin a training that ends in its second epoch; return where its last checkpoint is."""
    last = []

    def stop(trainer):
        last[:] = [trainer.last]
        if trainer.epoch == 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(callbacks={"on_train_batch_end": stop}, **settings)
    return last[0]


def first_batch(train, **settings):
    """Return images and targets of the first batch."""
    found = []

    def look(trainer):
        with trainer.batches.epoch(0, joined=True) as batches:
            found.append(next(iter(batches)))
        raise Interrupted

    with pytest.raises(Interrupted):
        train(epochs=1, callbacks={"on_train_start": look}, **settings)
    return found[0]


def test_a_mirror_of_the_package_is_the_flip_of_posekit(train):
    ours = first_batch(train, **PLAIN | {"fliplr": 1.0})
    theirs = first_batch(train, **PLAIN, augmentations=MIRROR)
    assert torch.equal(ours.images, theirs.images)
    assert not torch.equal(ours.images, first_batch(train, **PLAIN).images)
    np.testing.assert_allclose(theirs.targets.boxes, ours.targets.boxes, atol=1e-4)
    np.testing.assert_allclose(theirs.targets.keypoints, ours.targets.keypoints, atol=1e-4)


def test_a_run_with_random_transforms_goes_on_exactly(train):
    settings = {"augmentations": RANDOM, "epochs": 3, "nbs": 4}
    whole = train(**settings)
    resumed = train(model=interrupted(train, **settings), resume=True)
    assert resumed.args.augmentations is not None
    ours, theirs = (read_checkpoint(trainer.last).state for trainer in (whole, resumed))
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_settings_files_hold_the_transforms(train, tmp_path):
    path = tmp_path / "own.yaml"
    albumentations.save(albumentations.Compose(RANDOM), path, data_format="yaml")
    trainer = train(augmentations=path, epochs=1)
    stored = yaml.safe_load((trainer.save_dir / "args.yaml").read_text())["augmentations"]
    assert [part["transform"]["__class_fullname__"] for part in stored] == ["Sequential"]
    assert read_checkpoint(trainer.last).settings["augmentations"] == stored
    assert train(augmentations=stored, epochs=1).args.augmentations is not None


def test_transforms_that_cannot_be_written_are_asked_for_when_a_run_goes_on(train, caplog):
    function = [albumentations.Lambda(name="invert", image=invert, p=0.5)]
    last = interrupted(train, augmentations=function, epochs=2)
    assert "Lambda cannot be written into checkpoints" in caplog.text
    with pytest.raises(SettingError, match=r"Lambda cannot be carried .*: give augmentations=\[\.\.\.\] again"):
        train(model=last, resume=True)
    assert train(model=last, resume=True, augmentations=function).epoch == 1


@pytest.mark.parametrize(
    ("augmentations", "error"),
    [([invert], SettingTypeError), ([albumentations.ToTensorV2()], SettingError), ("nothing.yaml", SettingError)],
)
def test_what_cannot_be_used_is_said_before_anything_is_written(train, here, augmentations, error):
    with pytest.raises(error, match="augmentations"):
        train(augmentations=augmentations)
    assert not (here / "runs").exists()


def test_without_the_package_the_extra_is_named(here, definition, people):
    code = (
        "import sys; sys.modules['albumentations'] = None\n"
        "from posekit import YOLO\n"
        "from posekit.errors import MissingExtraError\n"
        "settings = dict(data=sys.argv[2], epochs=1, imgsz=64, device='cpu', workers=0, plots=False, verbose=False)\n"
        "try: YOLO(sys.argv[1]).train(augmentations=[print], **settings)\n"
        "except MissingExtraError as error: print(error)\n"
        "YOLO(sys.argv[1]).train(**settings)\n"
    )
    words = [sys.executable, "-c", code, str(definition()), str(people)]
    said = subprocess.run(words, capture_output=True, text=True, check=True, env=environment(), cwd=here).stdout
    assert 'albumentations transforms need the package albumentations: pip install "posekit[albumentations]"' in said
