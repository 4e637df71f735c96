"""What a run says of single pictures and of its speed."""

from posekit.results.results import Results
from posekit.sample import Sample


def picture_line(sample: Sample, result: Results, network: tuple[int, int]) -> str:
    """Return one line such as ``image 1/5 street.jpg: 480x640 3 persons, 19.1ms``; (H, W) is of the network input."""
    height, width = network
    return f"{place_text(sample)}: {height}x{width} {result.verbose()}{result.speed['inference'] or 0:.1f}ms"


def speed_line(speed: dict[str, float]) -> str:
    """Return the closing line: mean milliseconds per picture and stage."""
    return f"Speed: {', '.join(f'{value:.1f}ms {stage}' for stage, value in speed.items())} per image"


def place_text(sample: Sample) -> str:
    """Return where a picture stands in its source: ``image 1/5 street.jpg``; a number for arrays and streams."""
    origin = sample.origin
    if origin.kind in ("array", "stream"):
        return f"{origin.index}"
    count = origin.count or "?"
    if origin.kind == "image":
        return f"image {origin.index}/{count} {sample.path}"
    return f"video {origin.index}/{count} (frame {origin.frame}/{origin.frames or '?'}) {sample.path}"
