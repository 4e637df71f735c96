"""Names and shapes of what a YOLO network returns; the one table of them.

B pictures, A anchor points of all levels (finest level first, each row by row), nc classes,
K keypoints of D values, C_i channels of level i.

| key | shape | content |
|---|---|---|
| boxes | (B, 4 * reg_max, A) | channel = side * reg_max + bin; sides left, top, right, bottom |
| scores | (B, nc, A) | class logits |
| feats | list of (B, C_i, H_i, W_i) | the inputs of the head |
| kpts | (B, K * D, A) | raw keypoints, all values of a point together |
| kpts_sigma | (B, 2 * K, A) | raw spread of x and y; YOLO26 in training only |
| mask_coefficient | (B, masks, A) | weights of the prototypes |
| proto | (B, masks, H/4, W/4) | mask prototypes |
| semseg | (B, nc, H/8, W/8) | semantic logits; YOLO26 in training only |
"""

from typing import TypedDict

from torch import Tensor


class BranchOutputs(TypedDict, total=False):
    """Raw tensors of one set of branches; see the table of this module."""

    boxes: Tensor
    scores: Tensor
    feats: list[Tensor]
    kpts: Tensor
    kpts_sigma: Tensor
    mask_coefficient: Tensor
    proto: Tensor
    semseg: Tensor


class Outputs(TypedDict, total=False):
    """What a network returns: `one2many` always unless removed by fusing, `one2one` with YOLO26 heads."""

    one2many: BranchOutputs
    one2one: BranchOutputs
