"""The lines that a prediction run prints."""

from posekit.results import Results
from posekit.sample import Sample


def picture_line(sample: Sample, result: Results, network: tuple[int, int], milliseconds: float) -> str:
    """Return one line such as ``image 1/5 street.jpg: 480x640 3 persons, 19.1ms``.

    Args:
        sample: the picture and its place in the source.
        result: what was found on it.
        network: (H, W) of the network input.
        milliseconds: time of the network for this picture.
    """
    height, width = network
    return f"{_place(sample)}: {height}x{width} {result.verbose()}{milliseconds:.1f}ms"


def speed_line(speed: dict[str, float], shape: tuple[int, ...]) -> str:
    """Return the closing line: mean milliseconds per picture and stage, and the shape of the last input."""
    stages = ", ".join(f"{value:.1f}ms {stage}" for stage, value in speed.items())
    return f"Speed: {stages} per image at shape {shape}"


def _place(sample: Sample) -> str:
    origin = sample.origin
    if origin.kind == "array" or origin.kind == "stream":
        return f"{origin.index}"
    count = origin.count or "?"
    if origin.kind == "image":
        return f"image {origin.index}/{count} {sample.path}"
    return f"video {origin.index}/{count} (frame {origin.frame}/{origin.frames or '?'}) {sample.path}"
