import cv2
import numpy as np
import pytest
import torch

from posekit.viz.mosaics import save_feature_maps, tile_channels


def test_channels_stand_in_rows_of_eight_one_pixel_apart():
    channels = np.zeros((10, 3, 5), np.float32)
    channels[9, 0, 0] = 1
    tiles = tile_channels(channels)
    assert tiles.shape == (2 * 4, 8 * 6)
    assert tiles[4, 6] == 255
    assert tiles.sum() == 255


def test_each_channel_is_stretched_to_full_contrast():
    channels = np.stack([np.array([[-5.0, 5.0]]), np.array([[0.0, 1e-3]]), np.array([[7.0, 7.0]])]).astype(np.float32)
    tiles = tile_channels(channels)
    assert [tiles[0, 3 * number : 3 * number + 2].tolist() for number in range(3)] == [[0, 255], [0, 255], [0, 0]]


def test_one_picture_per_layer_is_written_for_each_of_the_batch(tmp_path):
    maps = {"0_Conv": torch.rand(2, 40, 6, 8), "9_SPPF": torch.rand(2, 3, 2, 2)}
    folders = [tmp_path / "runs" / "a", tmp_path / "runs" / "b"]
    save_feature_maps(maps, folders)
    for number, folder in enumerate(folders):
        assert sorted(path.name for path in folder.iterdir()) == ["0_Conv_features.png", "9_SPPF_features.png"]
        written = cv2.imread(str(folder / "0_Conv_features.png"), cv2.IMREAD_GRAYSCALE)
        np.testing.assert_array_equal(written, tile_channels(maps["0_Conv"][number, :32].numpy()))


def test_every_picture_needs_its_folder(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        save_feature_maps({"0_Conv": torch.rand(2, 4, 6, 8)}, [tmp_path])
