"""Model families, and what they offer to the engine."""
