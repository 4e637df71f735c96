"""Label files in YOLO form: their rows, what they hold, and how they are written."""
