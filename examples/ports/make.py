"""Writes the files of this folder: what a port to another language must come to, step by step."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch

from posekit import YOLO
from posekit.config.settings import ExportSettings
from posekit.data.figures.scene import make_scene
from posekit.models.exported.facts import Dialect

FOLDER = Path(__file__).parent
SIZE = 96  # side of the input in pixels
CONF, IOU = 0.4, 0.7


def make_picture():
    """Return a drawn picture (96, 130, 3) BGR: in an input of 96 x 96 pixels it leaves 12 rows above and 13 below."""
    return cv2.resize(make_scene(5).image, (130, 96), interpolation=cv2.INTER_AREA)


def letterbox(picture):
    """Return the input (1, 3, 96, 96) and where the picture lies in it."""
    height, width = picture.shape[:2]
    gain = min(SIZE / height, SIZE / width)
    resized_height, resized_width = round(height * gain), round(width * gain)
    top, left = round((SIZE - resized_height) / 2 - 0.1), round((SIZE - resized_width) / 2 - 0.1)
    padded = np.full((SIZE, SIZE, 3), 114, np.uint8)
    resized = cv2.resize(picture, (resized_width, resized_height), interpolation=cv2.INTER_LINEAR)
    padded[top : top + resized_height, left : left + resized_width] = resized
    values = np.ascontiguousarray(padded[..., ::-1].transpose(2, 0, 1)[None], np.float32) / 255
    return values, {
        "picture": [height, width],
        "input": [SIZE, SIZE],
        "resized": [resized_height, resized_width],
        "padding": {
            "top": top,
            "bottom": SIZE - resized_height - top,
            "left": left,
            "right": SIZE - resized_width - left,
        },
        "gain": [resized_height / height, resized_width / width],
    }


def make_values(picture):
    """Return input (1, 3, 96, 96), output (1, 56, 189) and the table of results of a picture."""
    model = YOLO("figures-pose.pt")
    images, placed = letterbox(picture)
    settings = ExportSettings(format="onnx", imgsz=SIZE)
    with torch.no_grad():
        output = model.loaded.deployed(settings, Dialect()).module(torch.from_numpy(images))[0].numpy()
    found = model(picture, imgsz=SIZE, rect=False, conf=CONF, iou=IOU, verbose=False)[0]
    table = {
        "letterbox": placed,
        "conf": CONF,
        "iou": IOU,
        "detections": [
            {"box": box, "score": score, "class": int(label), "keypoints": points}
            for box, score, label, points in zip(
                found.boxes.xyxy.tolist(),
                found.boxes.conf.tolist(),
                found.boxes.cls.tolist(),
                found.keypoints.data.tolist(),
                strict=True,
            )
        ],
    }
    return images, output, table


if __name__ == "__main__":
    cv2.imwrite(str(FOLDER / "picture.png"), make_picture())
    images, output, table = make_values(make_picture())
    np.save(FOLDER / "input.npy", images)
    np.save(FOLDER / "output.npy", output)
    (FOLDER / "result.json").write_text(json.dumps(table, indent=1) + "\n")
