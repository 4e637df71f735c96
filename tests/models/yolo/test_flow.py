"""The flow gives the recorded densities."""

import numpy as np
import torch

from golden.networks import FOLDER, golden_network


def test_log_density_equals_the_recording():
    with np.load(FOLDER / "realnvp.npz") as file:
        flow = golden_network("yolo26n-pose").head.flow_model
        with torch.no_grad():
            density = flow.log_prob(torch.from_numpy(file["x"]))
        np.testing.assert_allclose(density.numpy(), file["log_prob"], atol=1e-4, rtol=1e-4)


def test_density_of_a_fresh_flow_integrates_to_one():
    flow = golden_network("yolo26n-pose").head.flow_model
    torch.manual_seed(0)
    fresh = type(flow)()
    axis = torch.linspace(-6, 6, 241)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    with torch.no_grad():
        mass = fresh.log_prob(grid).exp().sum() * (axis[1] - axis[0]) ** 2
    assert abs(float(mass) - 1) < 1e-2
