"""Training losses of YOLOv8, YOLO11 and YOLO26; `make_criterion` in `criterion` is the way in."""
