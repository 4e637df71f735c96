"""The eight values of a keypoint.

| channel | content |
|---|---|
| 0, 1 | x, y as fractions of the picture |
| 2 | logit of being findable (labelled at all) |
| 3 | logit of being visible |
| 4, 5, 6 | logarithm of l11, l21, logarithm of l22 of the precision's Cholesky factor |
| 7 | what the keypoint adds to the logit of its class |
"""

from typing import Final

COUNT: Final = 8
PLACE: Final = slice(0, 2)
FINDABLE: Final = 2
VISIBLE: Final = 3
PRECISION: Final = slice(4, 7)
CLASS: Final = 7
