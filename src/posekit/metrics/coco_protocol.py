"""What the three official COCO protocols (boxes, masks, keypoints) have in common, and where they differ."""

from dataclasses import dataclass

BOX_STATS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
KEYPOINT_STATS = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")


@dataclass(frozen=True, kw_only=True)
class CocoProtocol:
    """One of the official protocols.

    Attributes:
        kind: its name, as COCO's own evaluator calls it.
        field: the key of a prediction row that is scored.
        letter: the letter of its metric keys, as in ``metrics/COCO-AP(P)``.
        limit: highest number of detections per picture and category that are looked at.
        stats: names of its summary numbers, in COCO's order.
        recall: the name among them that stands for AR over everything.
    """

    kind: str
    field: str
    letter: str
    limit: int
    stats: tuple[str, ...]
    recall: str


PROTOCOLS = {
    "bbox": CocoProtocol(kind="bbox", field="bbox", letter="B", limit=100, stats=BOX_STATS, recall="AR100"),
    "segm": CocoProtocol(kind="segm", field="segmentation", letter="M", limit=100, stats=BOX_STATS, recall="AR100"),
    "keypoints": CocoProtocol(
        kind="keypoints", field="keypoints", letter="P", limit=20, stats=KEYPOINT_STATS, recall="AR"
    ),
}
