"""python prepare.py WEIGHTS.pt EXPORTED PICTURE FOLDER: what check.mjs compares with, made by PyTorch.

Writes to FOLDER: facts.json, what the exported file says of itself; expected.json, the poses that the weights find on
the picture; the picture; and the exported file.
"""

import json
import shutil
import sys
from pathlib import Path

from posekit import YOLO
from posekit.models.exported.open import open_exported

if __name__ == "__main__":
    weights, exported, picture, folder = (Path(argument) for argument in sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    plain = open_exported(exported).facts.to_plain()
    keys = ("task", "names", "imgsz", "layout", "unit", "model")
    facts = {key: plain[key] for key in keys} | {key: plain["schema"][key] for key in ("kpt_shape", "skeleton")}
    found = YOLO(weights)(picture, imgsz=facts["imgsz"], rect=False, conf=0.25, iou=0.7, verbose=False)[0]
    poses = [
        {"score": score, "box": box, "keypoints": points}
        for score, box, points in zip(
            found.boxes.conf.tolist(), found.boxes.xyxy.tolist(), found.keypoints.data.tolist(), strict=True
        )
    ]
    (folder / "facts.json").write_text(json.dumps(facts))
    (folder / "expected.json").write_text(json.dumps({"picture": picture.name, "poses": poses}))
    shutil.copy(picture, folder)
    if exported.is_dir():
        shutil.copytree(exported, folder / exported.name, dirs_exist_ok=True)
    else:
        shutil.copy(exported, folder)
