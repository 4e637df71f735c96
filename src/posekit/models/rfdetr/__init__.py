"""The RF-DETR family: a windowed DINOv2 backbone with a two-stage deformable decoder."""
