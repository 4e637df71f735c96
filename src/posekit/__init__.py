"""posekit: pose (keypoint) estimation."""
