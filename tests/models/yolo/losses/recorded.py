"""The recorded losses of `train/loss_*.npz` as outputs, targets and criteria of this package."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch

from golden.train_files import arrays
from models.yolo.losses.scenes import network_of
from posekit.config.settings import TrainSettings
from posekit.models.yolo.layers import RealNVP
from posekit.models.yolo.losses.criterion import make_criterion
from posekit.sample import Targets
from posekit.schema.schema import COCO_PERSON

STRIDES = (8.0, 16.0, 32.0)
HEIGHT, WIDTH = 160, 192
# File and case: task, (K, D), steps of the schedule done, other gains.
CASES = {
    ("loss_v8_pose", "coco17"): ("pose", (17, 3), 0, {}),
    ("loss_v8_pose", "allempty"): ("pose", (5, 3), 0, {}),
    ("loss_11_pose", "k5d3_nc3"): ("pose", (5, 3), 0, {}),
    ("loss_11_pose", "k4d2_nc2"): ("pose", (4, 2), 0, {"pose": 20.0, "kobj": 2.0, "box": 5.0}),
    ("loss_26_pose", "coco17"): ("pose", (17, 3), 0, {}),
    ("loss_26_pose", "k5d3_nc2_upd4"): ("pose", (5, 3), 4, {}),
    ("loss_26_pose", "k4d2_nc1"): ("pose", (4, 2), 0, {}),
    ("loss_v8_seg", "overlap"): ("segment", None, 0, {}),
    ("loss_v8_seg", "separate"): ("segment", None, 0, {}),
    ("loss_v8_seg", "ratio2"): ("segment", None, 0, {}),
    ("loss_26_seg", "overlap_sem"): ("segment", None, 0, {}),
    ("loss_26_seg", "separate_sem_upd9"): ("segment", None, 9, {}),
    ("loss_26_seg", "ratio2_nosem"): ("segment", None, 0, {}),
    ("loss_multitask", "plain"): ("multitask", (5, 3), 0, {}),
    ("loss_multitask", "filtered"): ("multitask", (5, 3), 0, {}),
}
BRANCHES = {"raw": "one2many", "raw_o2m": "one2many", "raw_o2o": "one2one"}
PREFIXES = {"one2many": "o2m/", "one2one": "o2o/"}


@cache
def inputs(file, case):
    """Return the raw arrays and the batch of a case."""
    base = "" if file == "loss_multitask" else f"{case}/"
    found = {key.removeprefix(base): value for key, value in arrays(file).items() if key.startswith(base)}
    raw = {key: value for key, value in found.items() if key.startswith("raw")}
    return raw, {key.removeprefix("batch/"): value for key, value in found.items() if key.startswith("batch/")}


def outputs_of(file, case):
    """Return raw outputs as leaves; the second branch has the prototypes of the first, without gradient."""
    outputs = {}
    for key, value in inputs(file, case)[0].items():
        prefix, name = key.split("/")
        feats = [torch.empty(3, 1, int(HEIGHT / stride), int(WIDTH / stride)) for stride in STRIDES]
        raw = outputs.setdefault(BRANCHES[prefix], {"feats": feats})
        raw["semseg" if name == "semantic" else name] = torch.tensor(value, requires_grad=True)
    for name in ("proto", "semseg"):
        if "one2one" in outputs and name in outputs["one2many"]:
            outputs["one2one"][name] = outputs["one2many"][name].detach()
    return outputs


def targets_of(file, case):
    """Return the batch; keypoints without visibility are all labelled."""
    batch = {key: torch.from_numpy(value) for key, value in inputs(file, case)[1].items()}
    keypoints = batch.get("keypoints")
    if keypoints is not None and keypoints.shape[2] == 2:
        keypoints = torch.cat((keypoints, torch.ones_like(keypoints[..., :1])), 2)
    return Targets(
        pictures=batch["batch_idx"].long(),
        classes=batch["cls"][:, 0].long(),
        boxes=batch["bboxes"],
        keypoints=keypoints,
        masks=batch.get("masks"),
        overlap=not case.startswith("separate"),
        semantic=batch.get("sem_masks"),
    )


def criterion_of(file, case):
    """Return the criterion a case was recorded with: the reference's sigmas, 1/K but for COCO's points."""
    task, kpt_shape, steps, gains = CASES[file, case]
    raw = inputs(file, case)[0]
    dual = "raw_o2m/boxes" in raw
    classes = raw["raw_o2m/scores" if dual else "raw/scores"].shape[1]
    network = network_of(task, dual=dual, nc=classes, kpt_shape=kpt_shape)
    if dual and task == "pose":
        network.head.flow_model = recorded_flow(f"{case}/flow_param/", arrays(file))
    settings = TrainSettings(skip_unlabelled=case == "filtered", **gains)
    criterion = make_criterion(network, settings, sigmas_of(kpt_shape))
    if case == "plain":  # recorded without the filter that multitask always has
        one = criterion.branches["one2many"]
        criterion.branches["one2many"] = replace(one, rules=replace(one.rules, skip_unlabelled=False))
    for _ in range(steps):
        criterion.end_epoch(10)
    return criterion


def sigmas_of(kpt_shape):
    if kpt_shape is None:
        return None
    return COCO_PERSON.oks_sigmas if kpt_shape == (17, 3) else (1 / kpt_shape[0],) * kpt_shape[0]


def recorded_flow(prefix, file):
    """Return a flow with recorded parameters."""
    flow = RealNVP()
    state = {key.removeprefix(prefix): torch.tensor(value) for key, value in file.items() if key.startswith(prefix)}
    flow.load_state_dict(flow.state_dict() | state)
    return flow


def dense(positives, batch, anchors):
    """Return an assignment as the recordings have it: foreground (B, N) and object index (B, N)."""
    foreground, index = np.zeros((batch, anchors), bool), np.zeros((batch, anchors), np.int16)
    foreground[positives.pictures, positives.anchors] = True
    index[positives.pictures, positives.anchors] = positives.slots
    return foreground, index
