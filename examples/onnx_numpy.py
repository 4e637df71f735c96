"""Poses by an exported file without posekit and PyTorch: python onnx_numpy.py MODEL.onnx PICTURE RESULT.png [CONF]."""

import ast
import sys

import cv2
import numpy as np
import onnxruntime as ort


def find_poses(session, picture, conf=0.25, iou=0.7):
    """Return boxes (n, 4), scores (n,), keypoints (n, K, D) of a BGR picture (h, w, 3), best first, in its pixels."""
    facts = session.get_modelmeta().custom_metadata_map
    (rows, columns), (h, w) = ast.literal_eval(facts["imgsz"]), picture.shape[:2]  # H, W of the input
    gain = min(rows / h, columns / w)
    new_h, new_w = round(h * gain), round(w * gain)
    top, left = round((rows - new_h) / 2 - 0.1), round((columns - new_w) / 2 - 0.1)  # an odd pixel: right, below
    grey = np.full((rows, columns, 3), 114, np.uint8)
    grey[top : top + new_h, left : left + new_w] = cv2.resize(picture, (new_w, new_h))
    image = np.ascontiguousarray(grey[..., ::-1].transpose(2, 0, 1)[None], np.float32) / 255  # RGB in 0 ... 1
    found = session.run(["output0"], {session.get_inputs()[0].name: image})[0][0]  # (4 + nc + K * D, A)
    nc = len(ast.literal_eval(facts["names"]))
    found = found[:, found[4 : 4 + nc].max(0) > conf].T
    boxes = found[:, :4] - np.pad(found[:, 2:4] / 2, ((0, 0), (0, 2)))  # left, top, width, height
    scores, classes = found[:, 4 : 4 + nc].max(1), found[:, 4 : 4 + nc].argmax(1)
    keep = np.array(cv2.dnn.NMSBoxesBatched(boxes.tolist(), scores.tolist(), classes.tolist(), conf, iou), int)
    points = found[keep, 4 + nc :].reshape(len(keep), *ast.literal_eval(facts["kpt_shape"]))
    boxes = np.concatenate((boxes[keep, :2], boxes[keep, :2] + boxes[keep, 2:]), 1)
    offset, scale = np.array((left, top)), np.array((new_w / w, new_h / h))
    points[..., :2] = ((points[..., :2] - offset) / scale).clip(0, (w, h))
    return ((boxes - np.tile(offset, 2)) / np.tile(scale, 2)).clip(0, (w, h, w, h)), scores[keep], points


if __name__ == "__main__":
    session, picture = ort.InferenceSession(sys.argv[1]), cv2.imread(sys.argv[2])
    for pose in find_poses(session, picture, *map(float, sys.argv[4:]))[2]:
        for limb in ast.literal_eval(session.get_modelmeta().custom_metadata_map["skeleton"]):
            if (pose[limb, 2:] > 0.5).all():
                cv2.line(picture, *pose[limb, :2].astype(int).tolist(), (0, 255, 0), 2)
    cv2.imwrite(sys.argv[3], picture)
