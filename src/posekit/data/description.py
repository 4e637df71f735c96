"""`DatasetDescription`: what a dataset YAML says, checked and with paths made absolute."""

from dataclasses import dataclass, field
from pathlib import Path

from posekit.schema import KeypointSchema


@dataclass(frozen=True, kw_only=True)
class DatasetDescription:
    """A data set: where its pictures and labels are, its classes and its keypoints.

    Attributes:
        source: the YAML, JSON or folder that was named, for messages.
        root: the folder that relative paths count from.
        splits: for "train", "val", "test" the picture folders, text lists or COCO JSON files, absolute.
        names: class names by number 0, 1, ...
        schema: its keypoints; None without.
        channels: of its pictures.
        annotations: COCO JSON files that hold the truth of a split beside its label files, by split.
        images: folders that pictures of COCO JSON files are looked for in first, by split.
        layout: how multitask label rows are laid out: "box_keypoints_polygon", "keypoints_polygon", or None
            to decide per file.
        downloads: what the key ``download`` names, to fetch when pictures are missing: URLs of archives, or the text
            of a script, which is refused.
        download_folders: folder below the root that a download unpacks into, where that is not the root itself.
        missing: what to say when pictures are missing: where else the root was looked for, how to get the data.
    """

    source: str
    root: Path
    splits: dict[str, tuple[Path, ...]]
    names: dict[int, str]
    schema: KeypointSchema | None = None
    channels: int = 3
    annotations: dict[str, Path] = field(default_factory=dict)
    images: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    layout: str | None = None
    downloads: tuple[str, ...] = ()
    download_folders: dict[str, str] = field(default_factory=dict)
    missing: str = ""
