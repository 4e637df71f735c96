"""Cuts a grid of tokens into windows, and joins windows again."""

from torch import Tensor


def split_windows(grid: Tensor, windows: int) -> Tensor:
    """Cut a grid into equal windows; windows and tokens in row-major order.

    Args:
        grid: (B, H, W, C) tokens; H and W are multiples of `windows`.
        windows: windows per side, w.

    Returns:
        (B * w * w, H / w * W / w, C).
    """
    batch, height, width, channels = grid.shape
    parts = grid.view(batch, windows, height // windows, windows, width // windows, channels)
    return parts.transpose(2, 3).reshape(batch * windows**2, -1, channels)


def join_windows(tokens: Tensor, grid: tuple[int, int], windows: int) -> Tensor:
    """Undo `split_windows`.

    Args:
        tokens: (B * w * w, H / w * W / w, C).
        grid: (H, W).
        windows: windows per side, w.

    Returns:
        (B, H, W, C).
    """
    height, width = grid
    parts = tokens.view(-1, windows, windows, height // windows, width // windows, tokens.shape[-1])
    return parts.transpose(2, 3).reshape(-1, height, width, tokens.shape[-1])
