"""What labels and predictions of a task hold besides classes and boxes: the one place that says so."""

TASKS_WITH_KEYPOINTS = frozenset({"pose", "multitask"})
TASKS_WITH_OUTLINES = frozenset({"segment", "multitask"})
