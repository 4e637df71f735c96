"""From pictures to memory: windowed DINOv2, and the projector that joins its maps."""
