"""Keeps a network ready to predict for as long as nothing that matters has changed."""

from typing import Any

import torch

from posekit.config.predict import PredictSettings
from posekit.config.val import ValSettings
from posekit.errors import SettingError
from posekit.models.yolo.inference import YoloInference
from posekit.models.yolo.loading import LoadedModel
from posekit.models.yolo.network import YoloNetwork


class ReadyNetwork:
    """The fused copy that predicts, made anew when weights, names, device, precision or branches change."""

    def __init__(self) -> None:
        self._inference: YoloInference | None = None
        self._watch: _Watch | None = None
        self._key: tuple[Any, ...] = ()

    def get(self, loaded: LoadedModel, settings: PredictSettings | ValSettings, device: torch.device) -> YoloInference:
        """Return `loaded` ready to run on a device, in the precision and with the branches asked for.

        Raises:
            SettingError: ``nms`` asks for branches that the network lacks.
        """
        half = settings.half and device.type != "cpu"
        one2one = settings.nms is False
        _check_branches(loaded.network, one2one=one2one)
        if self._watch is None or self._watch.network is not loaded.network:
            self._watch, self._inference = _Watch(loaded.network), None
        key = (device, half, one2one, loaded.schema, dict(loaded.network.names), self._watch.state())
        if self._inference is None or self._key != key:
            self._inference = YoloInference(loaded.network, loaded.schema, device=device, half=half, one2one=one2one)
            self._key = key
        return self._inference


def _check_branches(network: YoloNetwork, *, one2one: bool) -> None:
    branches = network.head.branches
    if ("one2one" if one2one else "one2many") not in branches:
        other = "nms=True" if one2one else "nms=False"
        raise SettingError(f"this network has only the {branches[0]} branches of its head: predict with {other}")


class _Watch:
    """Tells when a weight of one network is replaced or written to, in a fraction of a millisecond.

    The modules are walked once, as that takes milliseconds; their stores of tensors are what is watched.
    """

    def __init__(self, network: YoloNetwork) -> None:
        self.network = network
        stores = (store for module in network.modules() for store in (module._parameters, module._buffers))
        self._stores = [store for store in stores if store]

    def state(self) -> tuple[list[int], list[int]]:
        """Return what changes with the weights: where each tensor is, and how often PyTorch saw it written to."""
        tensors = [tensor for store in self._stores for tensor in store.values() if tensor is not None]
        if any(map(torch.is_inference, tensors)):  # these do not count writes
            return [tensor.data_ptr() for tensor in tensors], []
        return [tensor.data_ptr() for tensor in tensors], [tensor._version for tensor in tensors]
