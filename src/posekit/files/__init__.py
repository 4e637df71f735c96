"""How files and folders come into being: whole, or not at all."""
