"""Windows of a grid."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from posekit.models.rfdetr.backbone import join_windows, split_windows


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
