from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.engine.musgd import orthogonalise

GOLDEN = np.load(Path(__file__).parents[2] / "golden/train/optimizer.npz")


@pytest.mark.parametrize("name", ["mat_wide", "mat_tall", "conv"])
def test_matrices_come_out_as_recorded(name):
    given_, expected = (torch.from_numpy(GOLDEN[f"musgd/ns_{end}/{name}"]) for end in ("in", "out"))
    found = orthogonalise([given_.reshape(len(given_), -1)])[0]
    torch.testing.assert_close(found, expected, atol=0.06, rtol=0)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 12), columns=st.integers(1, 12), scale=st.floats(1e-3, 1e3), seed=st.integers(0, 9))
def test_singular_values_come_near_one_and_directions_stay(rows, columns, scale, seed):
    torch.manual_seed(seed)
    u, s, v = torch.linalg.svd(torch.randn(rows, columns), full_matrices=False)
    matrix = scale * u @ torch.diag(0.5 + s / s.max()) @ v  # well conditioned
    result = orthogonalise([matrix])[0]
    assert result.shape == matrix.shape
    values = torch.diag(u.T @ result @ v.T)
    assert ((values > 0.5) & (values < 1.3)).all()
    torch.testing.assert_close(u @ torch.diag(values) @ v, result, atol=1e-3, rtol=0)


def test_mixed_shapes_and_types_keep_their_order_and_their_numbers():
    torch.manual_seed(0)
    matrices = [torch.randn(3, 5), torch.randn(5, 3), torch.randn(3, 5), torch.randn(3, 5, dtype=torch.float64)]
    together = orthogonalise(matrices)
    for matrix, result in zip(matrices, together, strict=True):
        assert result.dtype == matrix.dtype
        torch.testing.assert_close(result, orthogonalise([matrix])[0], atol=1e-5, rtol=0)


def test_a_matrix_of_zeros_stays():
    assert torch.equal(orthogonalise([torch.zeros(3, 4)])[0], torch.zeros(3, 4))
