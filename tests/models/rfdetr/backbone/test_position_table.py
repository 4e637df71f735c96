"""Positions for grids of another size."""

import torch

from posekit.models.rfdetr.backbone import fit_position_table


def test_a_table_of_the_right_size_is_itself():
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
