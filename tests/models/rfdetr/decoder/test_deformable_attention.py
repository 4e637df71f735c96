"""Attention to a few points."""

import torch

from posekit.models.rfdetr.decoder import DeformableAttention, Memory


def reading(width=8, heads=2, points=2):
    """Return an attention that hands through what it reads."""
    attention = DeformableAttention(width, heads, points)
    attention.set_initial()
    with torch.no_grad():
        for project in (attention.value_proj, attention.output_proj):
            project.weight.copy_(torch.eye(width))
    return attention


def test_without_offsets_it_reads_the_memory_at_the_centre_of_the_box():
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
