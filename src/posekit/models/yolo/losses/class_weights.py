"""Weights of the class loss for data sets in which classes are of very different number."""

from torch import Tensor


def class_weights(counts: Tensor, power: float) -> Tensor:
    """Return factors (nc,) of the class loss, 1 on average, larger for rarer classes.

    Args:
        counts: (nc,) labelled objects of each class.
        power: 0 for equal weights, 1 for weights inverse to the counts; classes without objects get the mean.
    """
    seen = counts > 0
    weights = counts.clamp(min=1).double().pow(-power)
    mean = weights[seen].mean() if seen.any() else weights.mean()
    weights = weights.where(seen, mean)
    return (weights / weights.mean()).float()
