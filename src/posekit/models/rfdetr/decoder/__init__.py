"""From memory to queries: selection of proposals, and decoder layers with deformable attention."""
