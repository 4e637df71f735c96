"""``python -m posekit`` is the command ``posekit``."""

import sys

from posekit.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
