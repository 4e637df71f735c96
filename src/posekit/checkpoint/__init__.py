"""Weight files: reading them safely, writing our own, and finding them by name."""
