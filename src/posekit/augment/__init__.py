"""Training augmentation: pictures joined, moved, recoloured and mirrored together with their objects."""

from posekit.augment.albumentations import AlbumentationsTransform, default_transforms
from posekit.augment.chance import picture_generator, recent_pictures, window_length
from posekit.augment.format import FormattedSample, MaskForm, collate
from posekit.augment.pipeline import RecentSamples, TrainingPipeline

__all__ = [
    "AlbumentationsTransform",
    "FormattedSample",
    "MaskForm",
    "RecentSamples",
    "TrainingPipeline",
    "collate",
    "default_transforms",
    "picture_generator",
    "recent_pictures",
    "window_length",
]
