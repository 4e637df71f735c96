"""The loops that run models: prediction, validation and training; and the check of a data set."""
