"""How much OpenCV and FFmpeg say on the terminal by themselves."""

import os


def silence_decoders() -> None:
    """Let them say nothing, unless the user wants it otherwise: what failed is told in one line of our own.

    Must come before OpenCV is imported.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
