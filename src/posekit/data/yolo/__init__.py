"""data/yolo."""
