"""Files and folders: read with errors that say what is wrong, and written whole or not at all."""
