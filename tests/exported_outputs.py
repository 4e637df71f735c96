"""Raw outputs of an exported file beside those of the graph that it was made of."""

import numpy as np
import torch

from golden.fill import image
from posekit.config.settings import ExportSettings
from posekit.export.export import export_network
from posekit.export.formats import FORMATS
from posekit.models.exported.open import open_exported
from posekit.models.exported.sessions import SESSIONS
from posekit.models.yolo.family import LoadedModel
from posekit.schema.schema import KeypointSchema
from small_networks import small_network

CPU = torch.device("cpu")


def small_model(name="yolov8n-pose", **shape):
    """Return a small YOLO network as what `open_model` gives."""
    network = small_network(name, **shape)
    points = network.head.spec.kpt_shape
    return LoadedModel(network=network, schema=KeypointSchema.for_shape(points) if points else None)


def pictures(count, size):
    """Return pictures (count, 3, H, W) in [0, 1], each another one."""
    made = [image(*size, seed).transpose(2, 0, 1) for seed in range(count)]
    return np.ascontiguousarray(np.stack(made).astype(np.float32) / 255)


def both_outputs(model, folder, **settings):
    """Export, and return the facts of the file, the outputs of the graph and those of the file, as arrays."""
    settings = ExportSettings(**{"imgsz": 64} | settings)
    file = export_network(model, settings, folder / "small.pt")
    facts = open_exported(file).facts
    images = pictures(settings.batch, facts.imgsz)
    module = model.deployed(settings, FORMATS[settings.format].dialect).module.float()
    with torch.no_grad():
        wanted = [output.numpy() for output in module(torch.from_numpy(images))]
    return facts, wanted, SESSIONS[settings.format](file, facts, CPU).run(images)
