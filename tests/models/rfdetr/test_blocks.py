"""What backbone and decoder are made of."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from posekit.models.rfdetr.backbone import fit_position_table, join_windows, split_windows
from posekit.models.rfdetr.decoder import (
    LARGEST_WHOLE_GRID,
    DeformableAttention,
    Memory,
    QueryAttention,
    grid_proposals,
    inner_cells,
)


def test_a_position_table_of_the_right_size_is_itself():
    table = torch.rand(1, 17, 3)
    assert fit_position_table(table, (4, 4)) is table


def test_the_class_token_keeps_its_position():
    table = torch.rand(1, 17, 3)
    fitted = fit_position_table(table, (6, 2))
    assert fitted.shape == (1, 13, 3)
    assert torch.equal(fitted[:, 0], table[:, 0])


def test_equal_positions_stay_equal():
    table = torch.ones(1, 17, 3)
    torch.testing.assert_close(fit_position_table(table, (7, 5)), torch.ones(1, 36, 3))


@given(batch=st.integers(1, 3), rows=st.integers(1, 4), columns=st.integers(1, 4), windows=st.integers(1, 4))
def test_joining_undoes_splitting(batch, rows, columns, windows):
    grid = torch.arange(batch * rows * columns * windows**2 * 2.0).view(batch, rows * windows, columns * windows, 2)
    assert torch.equal(join_windows(split_windows(grid, windows), tuple(grid.shape[1:3]), windows), grid)


def test_windows_and_their_tokens_are_in_reading_order():
    grid = torch.arange(16).view(1, 4, 4, 1)
    assert split_windows(grid, 2).squeeze(-1).tolist() == [
        [0, 1, 4, 5],
        [2, 3, 6, 7],
        [8, 9, 12, 13],
        [10, 11, 14, 15],
    ]


def test_query_attention_is_the_multi_head_attention_of_pytorch():
    torch.manual_seed(0)
    ours, theirs = QueryAttention(16, 4), torch.nn.MultiheadAttention(16, 4, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    placed, values = torch.rand(2, 5, 16), torch.rand(2, 5, 16)
    visible = torch.ones(5, 5, dtype=torch.bool).tril()
    for mask in (None, visible):
        blocked = None if mask is None else ~mask
        expected = theirs(placed, placed, values, attn_mask=blocked, need_weights=False)[0]
        torch.testing.assert_close(ours(placed, values, mask), expected)


def reading(width=8, heads=2, points=2):
    """Return an attention that hands through what it reads."""
    attention = DeformableAttention(width, heads, points)
    attention.set_initial()
    with torch.no_grad():
        for project in (attention.value_proj, attention.output_proj):
            project.weight.copy_(torch.eye(width))
    return attention


def test_without_offsets_deformable_attention_reads_the_memory_at_the_centre_of_the_box():
    attention, maps = reading(), torch.rand(1, 8, 4, 6)
    with torch.no_grad():
        attention.sampling_offsets.bias.zero_()
        boxes = torch.tensor([[[2.5 / 6, 1.5 / 4, 0.3, 0.3], [0.5, 0.5, 0.2, 0.1]]])
        read = attention(torch.rand(1, 2, 8), boxes, Memory.of(maps))
    torch.testing.assert_close(read[0, 0], maps[0, :, 1, 2])
    torch.testing.assert_close(read[0, 1], maps[0, :, 1:3, 2:4].mean((1, 2)))


def test_at_first_the_points_of_a_head_lie_in_its_direction_inside_the_box():
    attention = reading(points=2)
    boxes = torch.tensor([[[0.5, 0.5, 0.4, 0.2]]])
    with torch.no_grad():
        places = (attention._places(torch.rand(1, 1, 8), boxes) + 1) / 2  # (heads, points, 1, 2)
    torch.testing.assert_close(places[0, :, 0], torch.tensor([[0.6, 0.5], [0.7, 0.5]]))
    torch.testing.assert_close(places[1, :, 0], torch.tensor([[0.4, 0.5], [0.3, 0.5]]), atol=1e-6, rtol=0)


def test_places_outside_the_picture_read_nothing():
    attention, maps = reading(), torch.ones(1, 8, 4, 4)
    with torch.no_grad():
        read = attention(torch.rand(1, 1, 8), torch.tensor([[[3.0, 3.0, 0.1, 0.1]]]), Memory.of(maps))
    assert not read.any()


CPU = torch.device("cpu")


def test_proposals_are_small_squares_around_the_cells_row_by_row():
    proposals = grid_proposals((2, 4), CPU)
    assert proposals[:5].tolist() == [
        [0.125, 0.25, 0.05000000074505806, 0.05000000074505806],
        [0.375, 0.25, 0.05000000074505806, 0.05000000074505806],
        [0.625, 0.25, 0.05000000074505806, 0.05000000074505806],
        [0.875, 0.25, 0.05000000074505806, 0.05000000074505806],
        [0.125, 0.75, 0.05000000074505806, 0.05000000074505806],
    ]


def test_grids_up_to_the_limit_have_inner_cells_only():
    assert inner_cells(grid_proposals((LARGEST_WHOLE_GRID, 3), CPU)).all()


def test_the_outer_cells_of_larger_grids_are_left_out():
    side = LARGEST_WHOLE_GRID + 1
    inner = inner_cells(grid_proposals((side, 3), CPU)).view(side, 3)
    assert not inner[0].any()
    assert not inner[-1].any()
    assert inner[1:-1].all()
