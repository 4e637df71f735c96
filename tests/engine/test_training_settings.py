"""What single settings do to a training, and what it cannot begin with."""

import shutil
import subprocess
import sys

import albumentations
import numpy as np
import pytest
import torch
import yaml

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.config.settings import TrainSettings
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.engine.results_csv import read_results
from posekit.engine.training_run import share_of, warn_of_no_warmup
from posekit.errors import (
    DatasetError,
    DatasetKeyError,
    DatasetNotFoundError,
    NotInThisReleaseError,
    PosekitError,
    SettingError,
    SettingTypeError,
)
from small_networks import environment


def final_weights(trainer):
    return read_checkpoint(trainer.last).state


def same(one, other):
    first, second = final_weights(one), final_weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_the_same_seed_gives_the_same_weights_and_another_one_others(train):
    first = train(nbs=4)
    torch.rand(7)  # whatever was drawn before does not matter
    assert same(first, train(nbs=4))
    assert not same(first, train(nbs=4, seed=1))


def test_how_pictures_are_read_does_not_change_what_is_learned(train):
    plain = train(nbs=4)
    for settings in ({"workers": 3}, {"cache": "ram"}, {"cache": "disk"}):
        assert same(plain, train(nbs=4, **settings)), settings


@pytest.mark.parametrize("network", ["yolov8n-pose", "yolo26n-pose"])
def test_frozen_layers_keep_their_weights_and_their_statistics(train, network):
    begun = {}

    def note(trainer):
        begun.update({name: tensor.half() for name, tensor in trainer.model.state_dict().items()})

    trainer = train(network, nbs=4, freeze=[0, 1, "4.cv1"], callbacks={"on_pretrain_routine_end": note})
    final = final_weights(trainer)
    frozen = ("model.0.", "model.1.", "model.4.cv1.")
    changed = {key for key, tensor in final.items() if not torch.equal(tensor.half(), begun[key])}
    assert not any(key.startswith(frozen) for key in changed)
    assert {"model.2.cv1.conv.weight", "model.2.cv1.bn.running_mean", "model.4.cv2.conv.weight"} <= changed


def test_freezing_everything_is_refused(train):
    with pytest.raises(SettingError, match="freezes the whole network"):
        train(freeze=23)


def test_class_weights_change_what_is_learned(train, two_kinds):
    plain = train(data=two_kinds, nbs=4)
    weighted = train(data=two_kinds, nbs=4, cls_pw=1.0)
    assert plain.model.names == {0: "person", 1: "dog"}
    rows = [read_results(trainer.csv)[0] for trainer in (plain, weighted)]
    assert rows[0]["train/cls_loss"] != rows[1]["train/cls_loss"]
    assert rows[0]["train/box_loss"] == rows[1]["train/box_loss"]


@pytest.fixture
def two_kinds(people, tmp_path):
    """The same people, every second object a dog."""
    folder = tmp_path / "kinds"
    for kind in ("images", "labels"):
        for path in sorted((people.parent / kind).rglob("*.*")):
            target = folder / path.relative_to(people.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    for number, path in enumerate(sorted((folder / "labels").rglob("*.txt"))):
        rows = path.read_text().splitlines()
        path.write_text("".join(f"{(row_number + number) % 2}{row[1:]}\n" for row_number, row in enumerate(rows)))
    for cache in folder.rglob("*.cache"):
        cache.unlink()
    data = folder / "data.yaml"
    values = yaml.safe_load(people.read_text())
    data.write_text(yaml.safe_dump({**values, "names": {0: "person", 1: "dog"}, "path": str(folder)}))
    return str(data)


def test_all_classes_can_be_taken_for_one(train, two_kinds):
    trainer = train(data=two_kinds, single_cls=True, epochs=1)
    assert trainer.model.names == {0: "item"}
    assert trainer.validated.nt_per_class.tolist() == [sum(len(picture) for picture in trainer.run.val.pictures)]


def test_chosen_classes_are_the_only_ones_that_count(train, two_kinds):
    trainer = train(data=two_kinds, classes=[1], epochs=1)
    assert {number for picture in trainer.run.train.pictures for number in picture.classes} == {1}
    assert trainer.validated.nt_per_class[0] == 0


def test_multi_scale_changes_the_input_size_of_batches(train):
    sizes = set()

    def watch(trainer):
        trainer.model.register_forward_pre_hook(
            lambda module, inputs: sizes.add(tuple(inputs[0].shape[2:])) if module.training else None
        )

    train(epochs=6, multi_scale=0.5, val=False, save=False, callbacks={"on_train_start": watch})
    assert sizes == {(32, 32), (64, 64), (96, 96)}


def test_rectangles_are_of_the_shape_of_their_pictures(train, wide):
    shapes = set()

    def watch(trainer):
        trainer.model.register_forward_pre_hook(
            lambda module, inputs: shapes.add(tuple(inputs[0].shape[2:])) if module.training else None
        )

    trainer = train(data=wide, rect=True, epochs=1, imgsz=128, callbacks={"on_train_start": watch})
    assert shapes == {(64, 128)}
    assert np.isfinite(list(read_results(trainer.csv)[0].values())).all()


@pytest.fixture(scope="session")
def wide(tmp_path_factory):
    """Pictures twice as wide as high."""
    folder = tmp_path_factory.mktemp("wide") / "yolo"
    return str(write_yolo_dataset(folder, train=6, val=2, settings=SceneSettings(size=(60, 120), people=(1, 2))))


@pytest.mark.parametrize(
    ("fraction", "trained", "validated"), [(0.5, 5, 4), (3, 3, 4), ([0.5, 2], 5, 2), ([6, 0.5], 6, 2), ([0.2], 2, 0)]
)
def test_a_fraction_of_the_pictures_can_be_taken(train, fraction, trained, validated):
    trainer = train(fraction=fraction, epochs=1)
    counts = len(trainer.run.train.pictures), len(trainer.run.val.pictures)
    assert counts == (trained, validated or counts[1])


@pytest.mark.parametrize("optimizer", ["SGD", "MuSGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSProp"])
def test_every_optimiser_moves_the_weights(train, optimizer):
    moved = []

    def before(trainer):
        moved.append(trainer.model.get_parameter("model.0.conv.weight").detach().clone())

    trainer = train(
        optimizer=optimizer,
        lr0=0.001,
        epochs=1,
        fraction=4,
        nbs=4,
        val=False,
        save=False,
        callbacks={"on_train_start": before},
    )
    assert trainer.learner.choice.name == optimizer
    assert not torch.equal(moved[0], final_weights(trainer)["model.0.conv.weight"])


def test_auto_takes_a_rate_that_suits_the_number_of_classes(train, two_kinds):
    trainer = train(data=two_kinds, epochs=1, warmup_epochs=0.0)
    assert (trainer.learner.choice.name, trainer.learner.choice.lr) == ("AdamW", 0.001667)


def test_the_trainer_says_what_was_chosen_and_its_files_what_was_given(train):
    trainer = train(epochs=1, batch=-1, imgsz=40)
    args = trainer.args
    assert (args.optimizer, args.lr0, args.warmup_bias_lr) == ("AdamW", 0.002, 0.0)
    assert (args.batch, args.imgsz, args.momentum) == (10, 64, 0.937)
    assert (args.task, args.epochs) == ("pose", 1)
    for given in (yaml.safe_load((trainer.save_dir / "args.yaml").read_text()), read_checkpoint(trainer.last).settings):
        assert (given["optimizer"], given["lr0"], given["warmup_bias_lr"], given["batch"]) == ("auto", 0.01, 0.1, -1)


def test_callbacks_see_what_was_chosen(train):
    seen = []
    train(epochs=1, optimizer="SGD", lr0=0.02, callbacks={"on_train_start": lambda trainer: seen.append(trainer.args)})
    train(epochs=1, callbacks={"on_train_start": lambda trainer: seen.append(trainer.args)})
    assert [(args.optimizer, args.lr0) for args in seen] == [("SGD", 0.02), ("AdamW", 0.002)]


def test_objects_without_labelled_keypoints_can_be_left_out(train, people, tmp_path):
    folder = tmp_path / "partly"
    shutil.copytree(people.parent, folder)
    for path in (folder / "labels").rglob("*.txt"):
        rows = [row.split() for row in path.read_text().splitlines()]
        path.write_text(
            "".join(" ".join([*row[:5], *(["0"] * 51 if i else row[5:])]) + "\n" for i, row in enumerate(rows))
        )
    data = folder / "data.yaml"
    values = yaml.safe_load(data.read_text())
    data.write_text(yaml.safe_dump({**values, "path": str(folder)}))
    first = []
    for skip in (False, True):
        trainer = train(data=str(data), epochs=1, batch=10, mosaic=0.0, skip_unlabelled=skip, optimizer="SGD", lr0=0.0)
        first.append(read_results(trainer.csv)[0])
    assert first[0]["train/box_loss"] == first[1]["train/box_loss"]
    assert first[0]["train/pose_loss"] < first[1]["train/pose_loss"]  # unlabelled ones count as found
    assert first[0]["train/kobj_loss"] != first[1]["train/kobj_loss"]


def test_mosaic_ends_before_the_last_epochs(train):
    """Pictures have two objects at most, mosaics of four of them more: the last epoch is as without mosaic."""
    settings = {"epochs": 3, "nbs": 4, "lr0": 0.0, "optimizer": "SGD", "warmup_bias_lr": 0.0}
    with_mosaic, without = (train(**settings, **chosen) for chosen in ({"close_mosaic": 1}, {"mosaic": 0.0}))
    ours, theirs = ([row["train/box_loss"] for row in read_results(trainer.csv)] for trainer in (with_mosaic, without))
    assert [one == other for one, other in zip(ours, theirs, strict=True)] == [False, False, True]


@pytest.mark.parametrize("setting", [{"compile": True}, {"distill_model": "teacher.pt"}])
def test_what_this_release_lacks_is_said(train, setting):
    with pytest.raises(NotInThisReleaseError, match=f"{next(iter(setting))}=.*does not train with it yet"):
        train(**setting)


def test_an_automatic_batch_on_the_processor_is_sixteen_or_all_pictures(train, caplog):
    trainer = train(batch=-1, epochs=1)
    assert trainer.batch_size == 10
    assert "sizes are found on CUDA devices only" in caplog.text


def test_a_single_picture_that_is_too_small_for_batch_norms_is_refused(train):
    with pytest.raises(SettingError, match="a batch of one picture of 32 px is too little to train with"):
        train(imgsz=32, batch=3)


def test_more_pictures_per_batch_than_there_are_means_all_of_them(train):
    assert train(batch=64, epochs=1).batch_size == 10


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"epochs": 1}, True),
        ({"epochs": 2}, False),
        ({"epochs": 1, "optimizer": "SGD"}, False),
        ({"epochs": 1, "time": 0.5}, False),
    ],
)
def test_one_epoch_with_the_automatic_optimiser_is_warned_of(caplog, settings, warned):
    warn_of_no_warmup(TrainSettings(**settings))
    assert ("epochs=1 leaves no time for a warm-up" in caplog.text) == warned


def test_only_weights_that_were_trained_before_can_be_spoiled(train, weights, caplog):
    train(epochs=1)
    train(model=weights(), epochs=1, pretrained=False)
    assert "warm-up" not in caplog.text
    train(model=weights(), epochs=1)
    assert "take more epochs, such as epochs=10" in caplog.text


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
