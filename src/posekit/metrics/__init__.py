"""How well predictions match the truth: matching, AP, curves, confusion, per-keypoint errors, COCO-exact scores."""
