"""The boxes that a network starts from."""

import torch

from posekit.models.rfdetr.decoder import LARGEST_WHOLE_GRID, grid_proposals, inner_cells

LIKE = torch.zeros(1)


def test_they_are_small_squares_around_the_cells_row_by_row():
    proposals = grid_proposals((2, 4), LIKE)
    assert proposals[:5].tolist() == [
        [0.125, 0.25, 0.05000000074505806, 0.05000000074505806],
        [0.375, 0.25, 0.05000000074505806, 0.05000000074505806],
        [0.625, 0.25, 0.05000000074505806, 0.05000000074505806],
        [0.875, 0.25, 0.05000000074505806, 0.05000000074505806],
        [0.125, 0.75, 0.05000000074505806, 0.05000000074505806],
    ]


def test_grids_up_to_the_limit_have_inner_cells_only():
    assert inner_cells(grid_proposals((LARGEST_WHOLE_GRID, 3), LIKE)).all()


def test_the_outer_cells_of_larger_grids_are_left_out():
    side = LARGEST_WHOLE_GRID + 1
    inner = inner_cells(grid_proposals((side, 3), LIKE)).view(side, 3)
    assert not inner[0].any()
    assert not inner[-1].any()
    assert inner[1:-1].all()
