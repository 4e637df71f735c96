"""The keypoint preview network: a stream of keypoint tokens beside the queries, with uncertainty."""
