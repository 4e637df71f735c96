"""YOLOv8, YOLO11 and YOLO26: networks, decoding, loading."""
