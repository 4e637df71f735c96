"""Chooses the OKS sigmas of a keypoint schema and says where they come from."""

from collections.abc import Sequence
from dataclasses import dataclass

from posekit.schema.keypoint_schema import COCO_PERSON, KeypointSchema, check_sigmas
from posekit.schema.known_sets import COCO
from posekit.schema.recognition import recognise

LARGEST_GUESS = 0.05  # 1/K alone is so wide for few points that the score says little


@dataclass(frozen=True, kw_only=True)
class SigmaChoice:
    """The OKS sigmas in use, one list for loss and metrics alike.

    Attributes:
        values: K per-point standard deviations of OKS.
        origin: where they come from: "kpt_oks_sigmas", the title of a published set, or "uniform".
        guessed: whether nothing is known about these points.
    """

    values: tuple[float, ...]
    origin: str
    guessed: bool = False

    @property
    def explanation(self) -> str:
        """One line for the user; a warning where the sigmas are guessed."""
        count = len(self.values)
        if self.guessed:
            return (
                f"no OKS sigmas are known for these {count} points: all are taken as {self.values[0]:.4g}, and pose "
                f"scores depend on that. Set kpt_oks_sigmas in the dataset YAML: {count} numbers, about 0.025 for "
                "points that are placed exactly (eyes) to 0.1 for vague ones (hips)"
            )
        if self.origin == "kpt_oks_sigmas":
            return f"OKS sigmas of {count} points as given by kpt_oks_sigmas"
        return f"published OKS sigmas of {count} points ({self.origin})"


def resolve_sigmas(schema: KeypointSchema, given: Sequence[float] | None = None) -> SigmaChoice:
    """Choose the OKS sigmas of a schema.

    The first of these that there is: the given ones; those of the schema; those of the published set with the same
    point names; those of COCO for 17 points of 3 values without names; min(1/K, 0.05) for all points, a guess.

    Args:
        schema: of K points.
        given: K sigmas that go before all others.

    Raises:
        SchemaError: if the given ones are not K finite numbers above 0.
    """
    published = recognise(schema.names)
    if given is not None:
        check_sigmas(given, schema.count)
    explicit = schema.oks_sigmas if given is None else tuple(float(sigma) for sigma in given)
    if explicit is not None:
        known = published is not None and explicit == published.oks_sigmas
        return SigmaChoice(values=explicit, origin=published.title if published and known else "kpt_oks_sigmas")
    if published is not None:
        return SigmaChoice(values=published.oks_sigmas, origin=published.title)
    if schema.shape == COCO_PERSON.shape and not schema.is_named:
        return SigmaChoice(values=COCO.oks_sigmas, origin=COCO.title)
    guess = min(1 / schema.count, LARGEST_GUESS)
    return SigmaChoice(values=(guess,) * schema.count, origin="uniform", guessed=True)
