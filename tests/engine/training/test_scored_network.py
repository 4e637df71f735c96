"""Gradients in the layout that processes exchange them in."""

import torch

from posekit.engine.learner import with_usual_strides


def test_strides_along_sides_of_length_one_become_the_usual_ones():
    odd = torch.arange(36.0).as_strided((4, 1, 3, 3), (9, 1, 3, 1))
    usual = with_usual_strides(odd)
    assert usual.stride() == (9, 9, 3, 1)
    assert torch.equal(usual, odd)
    assert usual.data_ptr() == odd.data_ptr()


def test_another_layout_is_left_alone():
    other = torch.rand(4, 2, 3, 3).to(memory_format=torch.channels_last)
    assert with_usual_strides(other) is other
