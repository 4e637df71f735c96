"""Training augmentation: pictures joined, moved, recoloured and mirrored together with their objects."""

from posekit.augment.albumentations import AlbumentationsTransform, default_transforms
from posekit.augment.format import FormattedSample, MaskForm, collate
from posekit.augment.pipeline import TrainingPipeline, picture_generator, recent_pictures, window_length

__all__ = [
    "AlbumentationsTransform",
    "FormattedSample",
    "MaskForm",
    "TrainingPipeline",
    "collate",
    "default_transforms",
    "picture_generator",
    "recent_pictures",
    "window_length",
]
