"""Small networks as exported files, beside the graphs that they came from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from golden.fill import image
from posekit.config.settings import ExportSettings, PredictSettings
from posekit.export.export import export_network
from posekit.export.formats import FORMATS
from posekit.models.exported.open import Exported, open_exported
from posekit.models.yolo.family import LoadedModel
from posekit.schema.schema import KeypointSchema
from small_networks import small_network

SIZE = (96, 128)


def small_model(name="yolo11n-pose", *, nc=1, kpt_shape=(17, 3), **given):
    """Return a small YOLO network as `export_network` takes it."""
    network = small_network(name, nc=nc, kpt_shape=kpt_shape, **given)
    has_points = network.head.spec.kpt_shape is not None
    return LoadedModel(network=network, schema=KeypointSchema.for_shape(kpt_shape) if has_points else None)


def pictures(count, size=SIZE):
    """Return drawn pictures (count, 3, H, W) float32 in [0, 1]."""
    drawn = np.stack([image(*size, number) for number in range(count)])
    return np.ascontiguousarray(drawn.transpose(0, 3, 1, 2).astype(np.float32) / 255)


@dataclass
class Written:
    """A file and the graph that it was made of."""

    path: Path
    exported: Exported
    graph: torch.nn.Module

    @property
    def facts(self):
        return self.exported.facts

    def session(self):
        return self.exported.ready(PredictSettings(device="cpu"), torch.device("cpu")).session

    def wanted(self, images):
        """Return the outputs of the graph in PyTorch, picture by picture."""
        with torch.no_grad():
            found = [self.graph(torch.from_numpy(picture[None])) for picture in images]
        return [torch.cat(values).numpy() for values in zip(*found, strict=True)]

    def differences(self, found, images):
        """Return the largest difference of each output to that of the graph."""
        wanted = self.wanted(images)
        assert [value.shape for value in found] == [value.shape for value in wanted]
        return [float(np.abs(one - other).max()) for one, other in zip(found, wanted, strict=True)]


def write_small(folder, network, **values):
    """Export a network to a folder, and open the file."""
    settings = ExportSettings(**{"imgsz": SIZE, "check": False} | values)
    path = export_network(network, settings, Path(folder) / "small.pt")
    graph = network.deployed(settings, FORMATS[settings.format].dialect).module
    return Written(path=path, exported=open_exported(path), graph=graph)
