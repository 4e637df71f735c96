"""The loops that run models: prediction."""
