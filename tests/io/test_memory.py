from pathlib import Path

import numpy as np
import torch
from PIL import Image


def test_a_list_of_pictures_in_memory_is_one_batch_whatever_batch_says(opened, media_folder, picture):
    pil = Image.open(media_folder / "p2.png")
    with opened([picture, pil, "p1.png", picture[..., 0]], batch=1) as batches:
        [samples] = batches
    pil.close()
    assert [Path(sample.path).name for sample in samples] == ["image0.jpg", "p2.png", "p1.png", "image3.jpg"]
    assert [sample.origin.index for sample in samples] == [0, 1, 2, 3]
    assert {sample.origin.kind for sample in samples} == {"array"}
    assert np.array_equal(samples[1].image, picture + np.uint8(2))


def test_one_array_one_pil_image_and_one_tensor(opened, picture):
    [[array]] = opened(picture)
    [[pil]] = opened(Image.fromarray(picture[..., ::-1].copy()))
    [[first, second]] = opened(torch.zeros(2, 3, 32, 32))
    assert array.path == pil.path == "image0.jpg"
    assert np.array_equal(array.image, pil.image)
    assert (first.path, second.path) == ("image0.jpg", "image1.jpg")
    assert first.tensor is not None
    assert array.tensor is None


def test_a_damaged_pil_image_of_several_is_skipped(opened, media_folder, picture, caplog):
    (media_folder / "p1.png").write_bytes((media_folder / "p1.png").read_bytes()[:200])
    with Image.open(media_folder / "p1.png") as damaged:
        [[sample]] = opened([damaged, picture])
    assert sample.path == "image1.jpg"
    assert len(caplog.messages) == 1
