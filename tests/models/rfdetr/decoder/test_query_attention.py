"""Self-attention of queries."""

import torch

from posekit.models.rfdetr.decoder import QueryAttention


def test_it_is_the_multi_head_attention_of_pytorch():
    torch.manual_seed(0)
    ours, theirs = QueryAttention(16, 4), torch.nn.MultiheadAttention(16, 4, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    placed, values = torch.rand(2, 5, 16), torch.rand(2, 5, 16)
    visible = torch.ones(5, 5, dtype=torch.bool).tril()
    for mask in (None, visible):
        blocked = None if mask is None else ~mask
        expected = theirs(placed, placed, values, attn_mask=blocked, need_weights=False)[0]
        torch.testing.assert_close(ours(placed, values, mask), expected)
