"""One command or call that has several processes work for it, each on a device of its own."""
