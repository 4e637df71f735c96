"""Training augmentation: pictures joined, moved, recoloured and mirrored together with their objects."""

from posekit.augment.albumentations_adapter import AlbumentationsTransform, default_transforms
from posekit.augment.collate import collate
from posekit.augment.format import FormattedSample, MaskForm
from posekit.augment.generators import picture_generator
from posekit.augment.partners import recent_pictures, window_length
from posekit.augment.pipeline import TrainingPipeline
from posekit.augment.recent import RecentSamples

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
