"""Where pictures come from (files, videos, streams, memory) and where results are written to."""
