"""Training pictures: repeatable, well formed, true to their pixels, and joined only when they may be."""

import logging
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.made_samples import SCHEMA, assert_same_objects, assert_well_formed, made_sample
from posekit.augment.format import MaskForm, collate
from posekit.augment.pipeline import (
    TrainingPipeline,
    picture_generator,
    recent_pictures,
    usable_settings,
    window_length,
)
from posekit.config.settings import AugmentationSettings
from posekit.sample import Sample

SIDE = 64
STILL = dict.fromkeys(("hsv_h", "hsv_s", "hsv_v", "translate", "scale", "fliplr", "mosaic"), 0.0)
EVERYTHING = {
    "degrees": 45.0, "shear": 10.0, "perspective": 0.001, "flipud": 0.5, "bgr": 0.5, "mosaic": 0.7, "mixup": 0.5,
    "cutmix": 0.5, "copy_paste": 0.5,
}  # fmt: skip


def data_set(count=6, *, outlines=True, keypoints=True):
    sizes = [(64, 48), (40, 64), (64, 64)]
    return [
        made_sample(seed, sizes[seed % 3], seed % 4, outlines=outlines, keypoints=keypoints) for seed in range(count)
    ]


def pipeline(data, *, masks=None, schema=SCHEMA, transform=None, **values):
    return TrainingPipeline(
        AugmentationSettings(**values), fetch=data.__getitem__, count=len(data), imgsz=SIDE, schema=schema,
        masks=masks, transform=transform,
    )  # fmt: skip


def assert_equal(first, second):
    np.testing.assert_array_equal(first.image, second.image)
    assert_same_objects(first.sample, second.sample)
    np.testing.assert_array_equal(first.boxes, second.boxes)
    if first.masks is not None:
        np.testing.assert_array_equal(first.masks, second.masks)


@pytest.mark.parametrize("mode", ["flip", "mixup"])
@pytest.mark.parametrize("outlines", [False, True])
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), index=st.integers(0, 5))
def test_with_everything_on_pictures_are_well_formed_and_repeatable(mode, outlines, seed, index):
    data = data_set(outlines=outlines)
    made = pipeline(data, masks=MaskForm(ratio=2), copy_paste_mode=mode, **EVERYTHING)
    first = made(index, picture_generator(seed, 0, index))
    assert first.image.shape == (3, SIDE, SIDE)
    assert first.image.dtype == np.uint8
    assert_well_formed(first.sample)
    assert len(first.sample.boxes) == len(first.boxes) == len(first.keypoints)
    assert ((first.boxes >= 0) & (first.boxes <= 1)).all()
    assert first.masks.max(initial=0) <= len(first.boxes)
    assert_equal(first, made(index, picture_generator(seed, 0, index)))


def test_fetched_samples_are_not_written_to():
    data, untouched = data_set(), data_set()
    made = pipeline(data, masks=MaskForm(), **EVERYTHING)
    for index in range(60):
        made(index % 6, picture_generator(0, 0, index))
    for sample, before in zip(data, untouched, strict=True):
        np.testing.assert_array_equal(sample.image, before.image)
        assert_same_objects(sample, before)


def test_results_do_not_depend_on_what_was_made_before_or_on_a_buffer():
    data, order = data_set(), np.array([3, 1, 5, 0, 2, 4])
    settings_ = AugmentationSettings(**EVERYTHING)

    def picture(made, position):
        index = int(order[position])
        return made(index, picture_generator(7, 2, index), partners=recent_pictures(order, position, 3))

    plain, buffered = (
        TrainingPipeline(settings_, fetch=fetch, count=6, imgsz=SIDE, schema=SCHEMA)
        for fetch in (data.__getitem__, lru_cache(2)(data.__getitem__))
    )
    forwards = [picture(plain, position) for position in range(6)]
    backwards = [picture(buffered, position) for position in reversed(range(6))]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert_equal(one, other)


def test_partners_come_from_those_given():
    fetched = []

    def fetch(index):
        fetched.append(index)
        return data_set(10)[index]

    made = TrainingPipeline(AugmentationSettings(mixup=1.0), fetch=fetch, count=10, imgsz=SIDE, schema=SCHEMA)
    for index in range(10):
        made(9, picture_generator(0, 0, index), partners=[2, 3])
    assert set(fetched) == {2, 3, 9}
    for index in range(20):
        made(9, picture_generator(0, 0, index))
    assert set(fetched) == set(range(10))


def test_without_any_change_a_picture_is_only_centred():
    data = data_set()
    made = pipeline(data, **STILL)(1, picture_generator(0, 0, 0))
    np.testing.assert_array_equal(made.sample.image[12:52], data[1].image)
    assert (made.sample.image[:12] == 114).all()
    np.testing.assert_allclose(made.sample.keypoints, data[1].keypoints + np.array((0, 12, 0)), atol=1e-3)


def test_after_close_mosaic_nothing_is_joined():
    data = data_set()
    late = pipeline(data, **EVERYTHING | {"mosaic": 1.0, "copy_paste": 1.0})
    for index in range(30):
        made = late(index % 6, picture_generator(0, 0, index), joined=False)
        assert len(made.boxes) <= len(data[index % 6].boxes)


def test_rectangles_have_the_wanted_size_and_join_nothing():
    data = data_set()
    made = pipeline(data, **EVERYTHING | {"mosaic": 1.0, "mixup": 1.0, "cutmix": 1.0, "copy_paste": 0.0})
    for index in range(30):
        rectangle = made(index % 6, picture_generator(0, 0, index), size=(32, 96))
        assert rectangle.image.shape == (3, 32, 96)
        assert len(rectangle.boxes) <= len(data[index % 6].boxes)
        assert_well_formed(rectangle.sample)


@pytest.mark.parametrize("mode", ["flip", "mixup"])
def test_objects_are_copied_within_rectangles_too(mode):
    data = data_set()
    made = pipeline(data, **STILL | {"copy_paste": 1.0}, copy_paste_mode=mode)
    counts = [len(made(3, picture_generator(0, 0, index), size=(64, 96)).boxes) for index in range(20)]
    assert max(counts) > len(data[3].boxes)


@pytest.mark.parametrize("setting", ["mosaic", "mixup", "copy_paste"])
def test_joining_adds_objects(setting):
    data = data_set()
    made = pipeline(data, **STILL | {setting: 1.0})
    counts = [len(made(3, picture_generator(0, 0, index)).boxes) for index in range(20)]
    assert max(counts) > len(data[3].boxes)


def test_cutmix_adds_objects_to_free_places():
    data = data_set()
    made = pipeline(data, **STILL | {"cutmix": 1.0})
    counts = [len(made(4, picture_generator(0, 0, index)).boxes) for index in range(40)]  # picture 4 has no object
    assert len(data[4].boxes) == 0 < max(counts)


def test_without_a_flip_map_left_is_never_taken_for_right(caplog):
    caplog.set_level(logging.WARNING, "posekit")
    unmapped = replace(SCHEMA, flip_idx=None, flip_idx_ud=None)
    data = data_set()
    made = pipeline(data, schema=unmapped, **STILL | {"fliplr": 1.0, "flipud": 1.0})
    result = made(3, picture_generator(0, 0, 0))
    np.testing.assert_allclose(
        result.sample.keypoints, data[3].keypoints + np.array(((SIDE - 48) / 2, 0, 0)), atol=1e-3
    )
    made(3, picture_generator(0, 0, 0), joined=False)
    assert len(caplog.messages) == 1


def dotted_sample(seed):
    """Return a black picture with one object; around keypoint i the pixels have the level 60 + 40 i."""
    rng = np.random.default_rng(seed)
    image = np.zeros((160, 160, 3), np.uint8)
    places = np.array([(40, 40), (110, 45), (45, 110), (115, 115), (80, 75)]) + rng.integers(-10, 10, (5, 2))
    for number, (x, y) in enumerate(places.tolist()):
        cv2.circle(image, (x, y), 5, (60 + 40 * number,) * 3, -1)
    keypoints = np.concatenate((places, np.full((5, 1), 2)), 1)[None].astype(np.float32)
    box = np.array([(20, 20, 140, 140)], np.float32)
    return Sample(image=image, boxes=box, classes=np.zeros(1, np.int64), keypoints=keypoints)


@pytest.mark.parametrize(
    "values",
    [
        {"mosaic": 1.0},
        {"degrees": 180.0, "shear": 10.0},
        {"perspective": 0.0005},
        {"fliplr": 1.0},
        {"flipud": 1.0, "mosaic": 1.0},
    ],
    ids=str,
)
def test_pixels_and_keypoints_never_part(values):
    data = [dotted_sample(seed) for seed in range(4)]
    values = STILL | {"scale": 0.2, "translate": 0.1} | values
    made = TrainingPipeline(
        AugmentationSettings(**values), fetch=data.__getitem__, count=4, imgsz=160, schema=SCHEMA
    )  # fmt: skip
    mirrored = bool(values["fliplr"] or values.get("flipud"))
    checked = 0
    for index in range(40):
        sample = made(index % 4, picture_generator(0, 0, index)).sample
        levels = sample.image[..., 0].astype(int)
        for points in sample.keypoints:
            for number, (x, y, visible) in enumerate(points.tolist()):
                if visible and 3 < x < 156 and 3 < y < 156:
                    # What was painted as the right hand is the left hand in a mirror image.
                    painted = SCHEMA.flip_idx[number] if mirrored else number
                    near = levels[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2]
                    assert np.abs(near - (60 + 40 * painted)).min() <= 3
                    checked += 1
    assert checked > 60


def test_colours_may_be_swapped():
    data = data_set()
    plain, swapped = (pipeline(data, **STILL | {"bgr": chance})(1, picture_generator(0, 0, 0)) for chance in (0.0, 1.0))
    np.testing.assert_array_equal(plain.image[::-1], swapped.image)


def test_a_transform_is_applied_before_colours_and_flips():
    data = data_set()

    def paint(sample, rng):
        return replace(sample, image=np.full_like(sample.image, rng.integers(256)))

    first, second = (
        pipeline(data, transform=paint, **STILL)(2, picture_generator(seed, 0, 2)).image for seed in (0, 1)
    )
    assert np.ptp(first) == np.ptp(second) == 0
    assert first[0, 0, 0] != second[0, 0, 0]


def test_samples_without_keypoints_and_outlines_make_batches_of_boxes():
    data = data_set(outlines=False, keypoints=False)
    made = pipeline(data, schema=None, flipud=0.5)
    batch = collate([made(index, picture_generator(0, 0, index)) for index in range(6)])
    assert batch.images.shape == (6, 3, SIDE, SIDE)
    assert batch.targets.keypoints is None
    assert len(batch.targets) == len(batch.targets.boxes) > 0


def test_the_same_key_gives_the_same_numbers_and_any_other_gives_others():
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (12345678901, 300, 118000)]
    drawn = [picture_generator(*key).random() for key in keys]
    assert drawn == [picture_generator(*key).random() for key in keys]
    assert len(set(drawn)) == len(keys)


@pytest.mark.parametrize(("count", "batch", "length"), [(50, 16, 50), (5000, 16, 128), (5000, 200, 1000)])
def test_the_window_is_eight_batches_but_at_most_a_thousand_or_all(count, batch, length):
    assert window_length(count, batch) == length


@given(st.integers(1, 40), st.data())
def test_the_window_ends_with_the_picture_itself(count, data):
    order = np.random.default_rng(count).permutation(count)
    position = data.draw(st.integers(0, count - 1))
    length = data.draw(st.integers(1, count))
    recent = recent_pictures(order, position, length)
    assert recent[-1] == order[position]
    assert len(set(recent.tolist())) == length


def test_before_the_first_picture_come_the_last():
    assert recent_pictures(np.array([7, 8, 9, 5]), 1, 3).tolist() == [5, 7, 8]


UNMAPPED = replace(SCHEMA, flip_idx=None, flip_idx_ud=None)
ALL = AugmentationSettings(fliplr=0.5, flipud=0.2, copy_paste=0.3)


def test_what_mirrors_is_off_without_a_map(caplog):
    caplog.set_level(logging.WARNING, "posekit")
    usable = usable_settings(ALL, UNMAPPED)
    assert (usable.fliplr, usable.flipud, usable.copy_paste) == (0, 0, 0)
    assert replace(usable, fliplr=0.5, flipud=0.2, copy_paste=0.3) == ALL
    assert caplog.messages == [
        "fliplr and flipud and copy_paste are off: without a flip map, mirrored keypoints would take left for right; "
        "flip_idx in the dataset YAML gives the map"
    ]


def test_copies_of_other_pictures_are_not_mirrored_and_stay():
    usable = usable_settings(replace(ALL, copy_paste_mode="mixup"), UNMAPPED)
    assert usable.copy_paste == 0.3


def test_each_axis_has_its_own_map(caplog):
    caplog.set_level(logging.WARNING, "posekit")
    usable = usable_settings(ALL, replace(SCHEMA, flip_idx_ud=None))
    assert (usable.fliplr, usable.flipud, usable.copy_paste) == (0.5, 0, 0.3)
    assert caplog.messages[0].startswith("flipud is off")


@pytest.mark.parametrize("schema", [SCHEMA, None])
def test_with_a_map_or_without_keypoints_all_stay_silently(schema, caplog):
    assert usable_settings(ALL, schema) == ALL
    assert usable_settings(replace(ALL, fliplr=0.0, flipud=0.0, copy_paste=0.0), UNMAPPED).fliplr == 0
    assert not caplog.messages
