"""Folding batch norms changes nothing but the form."""

import pytest
import torch

from golden.networks import golden_input, golden_network
from posekit.models.yolo.decode import DecodeRule, decode_dense
from posekit.models.yolo.network import fuse_network, is_fused


@pytest.mark.parametrize("branch", ["one2many", "one2one"])
@pytest.mark.parametrize("name", ["yolo26n-pose", "yolo26n-seg", "yolo26n"])
def test_a_fused_yolo26_keeps_one_set_of_branches_and_its_outputs(name, branch):
    network = golden_network(name)
    fused = fuse_network(network, branch)
    with torch.no_grad():
        plain, folded = network(golden_input(64, 96)), fused(golden_input(64, 96))
    assert set(folded) == {branch}
    keys = set(fused.state_dict())
    assert not any(".bn." in key or "sigma" in key or "flow" in key or "semseg" in key for key in keys)
    assert any(".one2one_" in key for key in keys) == (branch == "one2one")
    for key, value in folded[branch].items():
        if key != "feats":
            torch.testing.assert_close(value, plain[branch][key], atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("name", ["yolov8n-pose", "yolo11n-seg"])
def test_fused_and_plain_decode_alike(name):
    network = golden_network(name)
    fused = fuse_network(network)
    rule = DecodeRule.of(network.head.spec)
    with torch.no_grad():
        plain, folded = (net(golden_input(96, 64))["one2many"] for net in (network, fused))
    torch.testing.assert_close(
        decode_dense(folded, rule, fused.strides), decode_dense(plain, rule, network.strides), atol=5e-3, rtol=1e-4
    )


def test_fusing_leaves_the_original_untouched():
    network = golden_network("yolo26n-pose")
    before = {key: value.clone() for key, value in network.state_dict().items()}
    fuse_network(network)
    assert not is_fused(network)
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
