from posekit import YOLO


def test_two_networks_become_one_that_info_describes_and_predict_uses(posekit_command, folder, weights):
    kpt, seg = weights("yolo26n-pose"), weights("yolo26n-seg")
    done = posekit_command("merge_weights", f"kpt={kpt}", f"seg={seg}", "out=both.pt")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "both.pt written; it is a start for training, not a finished network"
    assert [line.split()[-2] for line in lines[:-1]] == ["segment", "pose"]
    assert YOLO(folder / "both.pt").names == {0: "person"}
    assert "task        multitask" in posekit_command("info", "model=both.pt").stdout
    done = posekit_command("multitask", "predict", "model=both.pt", "source=figures", "conf=0.2", "save_txt")
    assert done.returncode == 0, done.stderr
    assert list((folder / "runs/multitask/predict").glob("*.jpg"))


def test_a_wrong_pair_is_one_line(posekit_command, weights):
    done = posekit_command(
        "merge_weights", f"kpt={weights('yolo11n-seg')}", f"seg={weights('yolo11n-pose')}", "out=a.pt"
    )
    assert done.returncode == 1
    assert "a pose and a segment network are needed" in done.stderr.splitlines()[-1]
