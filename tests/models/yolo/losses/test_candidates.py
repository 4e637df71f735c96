import torch

from posekit.models.yolo.losses.assign import inside_boxes, inside_boxes_at_fitting_levels
from posekit.models.yolo.losses.objects import Grid, Objects

LEVELS = (8.0, 16.0, 32.0)
GRID = Grid.of([torch.empty(1, 1, int(256 / s), int(256 / s)) for s in LEVELS], LEVELS, torch.float32)


def objects(*boxes):
    corners = torch.tensor([boxes], dtype=torch.float32)
    return Objects(labels=torch.zeros(1, len(boxes)).long(), boxes=corners, valid=corners.sum(2) > 0)


def strides_of(mask):
    return sorted(set(GRID.strides[mask].tolist()))


def test_anchor_points_on_the_border_are_outside():
    exact = inside_boxes(objects((4.0, 4.0, 36.0, 36.0)), GRID)[0, 0]
    assert GRID.pixels[exact].min() > 4
    assert GRID.pixels[exact].max() < 36


def test_a_box_between_anchor_points_is_widened_to_a_cell_of_the_second_level():
    tiny = inside_boxes(objects((99.0, 99.0, 101.0, 101.0)), GRID)[0, 0]
    assert GRID.pixels[tiny].tolist() == [[100.0, 100.0], [104.0, 104.0]]


def test_empty_slots_have_no_candidates():
    assert not inside_boxes(objects((0.0, 0.0, 0.0, 0.0)), GRID).any()


def test_objects_are_learned_by_levels_that_fit_their_size():
    found = inside_boxes_at_fitting_levels(
        objects((100.0, 100.0, 120.0, 120.0), (60.0, 60.0, 110.0, 110.0), (10.0, 10.0, 250.0, 250.0)), GRID
    )[0]
    assert [strides_of(mask) for mask in found] == [[8.0], [8.0, 16.0], [32.0]]


def test_an_object_that_no_fitting_level_can_learn_keeps_all_levels():
    cut_off = objects((244.0, 10.0, 1256.0, 250.0))  # for the coarsest level, whose last anchor points are at 240
    assert strides_of(inside_boxes_at_fitting_levels(cut_off, GRID)[0, 0]) == [8.0, 16.0]
