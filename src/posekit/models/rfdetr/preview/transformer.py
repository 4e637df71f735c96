"""Selection and decoder of the keypoint preview."""

from torch import nn

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.decoder.mlp import MLP
from posekit.models.rfdetr.decoder.transformer import Transformer
from posekit.models.rfdetr.preview import channels
from posekit.models.rfdetr.preview.decoder import KeypointDecoder
from posekit.models.rfdetr.preview.initial_tokens import InitialTokens
from posekit.models.rfdetr.preview.slots import KeypointSlots


class KeypointTransformer(Transformer):
    """Selection, the beginnings of keypoint tokens, and the decoder.

    Args:
        architecture: numbers of the network.
        class_rows: class logits, C.
        slots: keypoints per class.
    """

    decoder: KeypointDecoder

    def __init__(self, architecture: Architecture, class_rows: int, slots: KeypointSlots) -> None:
        super().__init__(architecture, class_rows, KeypointDecoder(architecture, slots))
        width = architecture.width
        self.keypoint_query_initializer = InitialTokens(width, slots.total)
        self.keypoint_query_initializer_enc = InitialTokens(width, slots.total)
        self.enc_out_keypoint_embed = nn.ModuleList(
            MLP(width, width, width, channels.COUNT) for _ in range(architecture.groups)
        )
