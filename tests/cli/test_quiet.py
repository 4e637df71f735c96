"""OpenCV and FFmpeg keep quiet: what failed is one line."""


def test_a_stream_that_does_not_answer_is_one_line(posekit_command):
    done = posekit_command("predict", "model=yolov8n-pose.yaml", "source=rtsp://127.0.0.1:9/x", "imgsz=64")
    assert done.returncode == 1
    assert done.stderr == "ERROR rtsp://127.0.0.1:9/x: no stream can be read at this address\n"


def test_a_user_who_wants_to_hear_them_does(posekit_command):
    done = posekit_command(
        "predict", "model=yolov8n-pose.yaml", "source=rtsp://127.0.0.1:9/x", "imgsz=64", OPENCV_LOG_LEVEL="WARNING"
    )
    assert len(done.stderr.splitlines()) > 1
