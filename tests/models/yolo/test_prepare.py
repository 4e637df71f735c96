import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import SourceValueError
from posekit.placing import Letterboxing
from posekit.sample import Sample


def sample(height, width, value=0):
    return Sample(image=np.full((height, width, 3), value, np.uint8))


@given(height=st.integers(1, 3000), width=st.integers(1, 3000), stride=st.sampled_from([8, 16, 32, 64]))
def test_input_sizes_are_the_next_multiples_of_the_stride(height, width, stride):
    placing = Letterboxing(stride)
    for asked, given_side in zip((height, width), placing.input_size((height, width)), strict=True):
        assert given_side % stride == 0
        assert asked <= given_side < asked + stride
    assert placing.input_size(height) == placing.input_size((height, height))


@pytest.mark.parametrize(
    ("sizes", "rect", "shape"),
    [
        ([(240, 400)], True, (288, 448)),
        ([(240, 400)], False, (448, 448)),
        ([(240, 400), (240, 400)], True, (288, 448)),
        ([(240, 400), (400, 240)], True, (448, 448)),
        ([(1, 1)], True, (448, 448)),
        ([(1, 900)], True, (32, 448)),
    ],
)
def test_only_equal_shapes_are_padded_to_the_stride_alone(sizes, rect, shape):
    batch = Letterboxing(32).prepare([sample(*size) for size in sizes], (448, 448), rect=rect)
    assert tuple(batch.images.shape) == (len(sizes), 3, *shape)
    assert [box.original for box in batch.letterboxes] == sizes


def test_pictures_become_rgb_bytes_with_grey_around():
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:] = (10, 20, 30)  # blue, green, red
    batch = Letterboxing(32).prepare([Sample(image=picture)], (64, 64), rect=False)
    assert batch.images.dtype == torch.uint8
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.images[0, :, 32, 32].tolist() == [30, 20, 10]
    assert batch.images[0, :, 0, 0].tolist() == [114, 114, 114]


def test_ready_tensors_go_through_unchanged():
    tensors = [torch.rand(3, 64, 96) for _ in range(2)]
    samples = [Sample(image=np.zeros((64, 96, 3), np.uint8), tensor=tensor) for tensor in tensors]
    batch = Letterboxing(32).prepare(samples, (640, 640), rect=True)
    assert torch.equal(batch.images, torch.stack(tensors))
    assert (batch.letterboxes[0].pad, batch.letterboxes[0].gain) == ((0, 0), (1, 1))
    with pytest.raises(SourceValueError, match="64x96 pixels: height and width must be multiples of 64"):
        Letterboxing(64).prepare(samples, (640, 640), rect=True)
