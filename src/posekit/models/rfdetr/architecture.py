"""The numbers that define an RF-DETR network."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Everything that a network is built from, but for its classes and keypoints.

    Attributes:
        resolution: side of the square input in pixels.
        patch_size: side of a patch in pixels; one cell of the feature map.
        windows: windows per side; attention of most blocks stays inside a window.
        position_grid: side of the learned table of patch positions.
        decoder_layers: layers of the decoder.
        taps: the feature maps are read after so many blocks.
        queries: objects that the network can find.
        detections: best (query, class) pairs that are kept.
        groups: independent sets of queries in training; one is used afterwards.
        width: channels of memory and queries.
        heads: heads of self-attention.
        cross_heads: heads of deformable attention.
        points: points that each head samples.
        feedforward: hidden width of the decoder's feed-forward networks.
        encoder_width: channels of the backbone.
        encoder_heads: heads of the backbone's attention.
        encoder_depth: blocks of the backbone.
    """

    resolution: int
    patch_size: int
    windows: int
    position_grid: int
    decoder_layers: int
    taps: tuple[int, ...] = (3, 6, 9, 12)
    queries: int = 300
    detections: int = 300
    groups: int = 13
    width: int = 256
    heads: int = 8
    cross_heads: int = 16
    points: int = 2
    feedforward: int = 2048
    encoder_width: int = 384
    encoder_heads: int = 6
    encoder_depth: int = 12

    @property
    def stride(self) -> int:
        """Both sides of an input are multiples of it: windows must hold whole patches."""
        return self.patch_size * self.windows

    @property
    def global_blocks(self) -> tuple[int, ...]:
        """Indices (from 0) of blocks whose attention reaches over all windows: the taps, read as indices."""
        return tuple(tap for tap in self.taps if tap < self.encoder_depth)
