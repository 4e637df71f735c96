"""Drawing of results; nothing here is needed to predict."""
