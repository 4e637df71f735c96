"""Every setting, once: typed, with default, range, unit and meaning."""
