"""The examples do what they say: results without posekit, and files for ports to other languages."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from posekit import YOLO
from posekit.checkpoint.weights import packaged_weights
from small_exports import pictures, small_model, write_small

EXAMPLES = Path(__file__).parents[1] / "examples"
if not EXAMPLES.is_dir():  # tests may be run against an installed package
    pytest.skip("there are no examples here", allow_module_level=True)


def module(path):
    """Import an example from its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def golden():
    return module(EXAMPLES / "ports/make.py")


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory):
    """An ONNX file of the packaged network, inputs of 96 x 128 pixels."""
    for package in ("onnx", "onnxscript", "onnxslim", "onnxruntime"):
        pytest.importorskip(package)
    weights = shutil.copy(packaged_weights("figures-pose.pt"), tmp_path_factory.mktemp("figures") / "figures.pt")
    return YOLO(weights).export(format="onnx", imgsz=[96, 128], check=False)


@pytest.mark.filterwarnings("ignore")  # of the exporter
def test_forty_lines_of_numpy_find_what_the_network_finds(onnx_file, golden):
    import onnxruntime

    find = module(EXAMPLES / "onnx_numpy.py").find_poses
    session = onnxruntime.InferenceSession(onnx_file)
    picture = cv2.imread(str(EXAMPLES / "ports/picture.png"))
    for shown in (picture, np.ascontiguousarray(picture.transpose(1, 0, 2)), picture[:, 20:101], picture[:1, :1]):
        boxes, scores, points = find(session, shown)
        wanted = YOLO("figures-pose.pt")(shown, imgsz=(96, 128), rect=False, verbose=False)[0]
        assert len(points) == len(wanted)
        np.testing.assert_allclose(boxes, wanted.boxes.xyxy.numpy(), atol=1e-3)
        np.testing.assert_allclose(scores, wanted.boxes.conf.numpy(), atol=1e-5)
        np.testing.assert_allclose(points, wanted.keypoints.data.numpy(), atol=1e-3)
    assert len(find(session, picture)[2]) > 1


@pytest.mark.filterwarnings("ignore")
def test_the_numpy_example_saves_a_picture_without_torch_and_posekit(onnx_file, tmp_path):
    source = EXAMPLES / "onnx_numpy.py"
    code = (
        "import runpy, sys; sys.modules['torch'] = sys.modules['posekit'] = None;"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    arguments = [onnx_file, str(EXAMPLES / "ports/picture.png"), str(tmp_path / "drawn.png"), "0.25"]
    subprocess.run([sys.executable, "-c", code, str(source), *arguments], check=True, cwd=tmp_path)
    drawn, picture = cv2.imread(str(tmp_path / "drawn.png")), cv2.imread(str(EXAMPLES / "ports/picture.png"))
    changed = (drawn != picture).any(2)
    assert 50 < changed.sum() < picture.shape[0] * picture.shape[1] / 2
    assert (drawn[changed] == (0, 255, 0)).all()
    assert len(source.read_text().splitlines()) <= 40


def test_golden_files_are_what_the_network_gives(golden):
    folder = EXAMPLES / "ports"
    images, output, table = golden.make_values(cv2.imread(str(folder / "picture.png")))
    np.testing.assert_allclose(images, np.load(folder / "input.npy"), atol=1e-4)
    stored = np.load(folder / "output.npy")
    assert np.abs((output - stored)[0, 4]).max() < 1e-4
    assert np.abs(output - stored).max() / golden.SIZE < 1e-4  # relative to the input: most values are pixels
    wanted = json.loads((folder / "result.json").read_text())
    assert table["letterbox"] == wanted["letterbox"]
    assert len(table["detections"]) == len(wanted["detections"]) > 1
    for one, other in zip(table["detections"], wanted["detections"], strict=True):
        assert one["class"] == other["class"]
        for key in ("box", "score", "keypoints"):
            np.testing.assert_allclose(one[key], other[key], atol=0.01 if key != "score" else 1e-4)


def test_golden_results_follow_from_the_output_by_the_steps_of_the_readme():
    folder = EXAMPLES / "ports"
    table = json.loads((folder / "result.json").read_text())
    placed, found = table["letterbox"], np.load(folder / "output.npy")[0]
    assert (placed["resized"], list(placed["padding"].values())) == ([71, 96], [12, 13, 0, 0])
    found = found[:, found[4] > table["conf"]]
    found = found[:, np.argsort(-found[4])]
    (gain_y, gain_x), padding = placed["gain"], placed["padding"]
    for detection in table["detections"]:
        column = found[:, np.abs(found[4] - detection["score"]).argmin()]
        points = column[5:].reshape(-1, 3)
        x = ((points[:, 0] - padding["left"]) / gain_x).clip(0, 130)
        y = ((points[:, 1] - padding["top"]) / gain_y).clip(0, 96)
        np.testing.assert_allclose(detection["keypoints"], np.stack((x, y, points[:, 2]), 1), atol=0.01)
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) < 1_000_000


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
def test_the_decoder_of_the_browser_example_comes_to_the_golden_files(tmp_path):
    folder = EXAMPLES / "ports"
    picture = cv2.cvtColor(cv2.imread(str(folder / "picture.png")), cv2.COLOR_BGR2RGBA)
    height, width = picture.shape[:2]
    (tmp_path / "picture.rgba").write_bytes(picture.tobytes())
    np.load(folder / "output.npy").tofile(tmp_path / "output.f32")
    (tmp_path / "run.mjs").write_text(f"""
        import {{ readFileSync, writeFileSync }} from "node:fs";
        import {{ decode, letterbox, place }} from "{(EXAMPLES / "browser/decode.js").as_uri()}";
        const names = {{ 0: "person" }};
        const facts = {{ imgsz: [96, 96], names, kpt_shape: [17, 3], layout: "dense", unit: "pixels" }};
        const image = {{ data: readFileSync("picture.rgba"), width: {width}, height: {height} }};
        const output = new Float32Array(new Uint8Array(readFileSync("output.f32")).buffer);
        const {{ values, placed }} = letterbox(image, facts);
        const poses = decode(output, [1, 56, 189], facts, placed, image, 0.4, 0.7);
        const even = [place(640, 425, [320, 320]), place(640, 427, [320, 320])].map((one) => one.height);
        writeFileSync("found.json", JSON.stringify({{ poses, values: Array.from(values), even }}));
    """)
    subprocess.run(["node", "run.mjs"], check=True, cwd=tmp_path)
    found, wanted = (json.loads(path.read_text()) for path in (tmp_path / "found.json", folder / "result.json"))
    assert found["even"] == [212, 214]  # 212.5 and 213.5
    assert np.abs(np.array(found["values"]) - np.load(folder / "input.npy").ravel()).max() < 1.5 / 255
    assert len(found["poses"]) == len(wanted["detections"]) > 1
    for one, other in zip(found["poses"], wanted["detections"], strict=True):
        for key in ("box", "score", "keypoints"):
            np.testing.assert_allclose(one[key], other[key], atol=0.01)


def block_of_docs(start):
    """Return the Python block of the page on export that begins so."""
    page = (EXAMPLES.parent / "docs/export.md").read_text(encoding="utf-8")
    return page[page.index(f"```python\n{start}") :].split("```")[1].removeprefix("python\n")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("nc", "shape"), [(1, (17, 3)), (3, (5, 2)), (2, (1, 3)), (1, (136, 3))])
def test_twenty_lines_of_the_docs_find_what_posekit_finds(tmp_path, nc, shape):
    names = {}
    exec(block_of_docs("import numpy as np\n\n\ndef decode"), names)
    written = write_small(tmp_path, small_model("yolov8n-pose", nc=nc, kpt_shape=shape), format="torchscript")
    images = pictures(1)
    output = written.session().run(images)[0][0]
    assert output.shape == (4 + nc + shape[0] * shape[1], 12 * 16 + 6 * 8 + 3 * 4)
    boxes, scores, classes, points = names["decode"](output, nc, shape, conf=0.1)
    wanted = YOLO(str(written.path))(torch.from_numpy(images), conf=0.1, verbose=False)[0]
    assert len(boxes) == len(wanted) > 3
    np.testing.assert_allclose(boxes.clip(0, (128, 96, 128, 96)), wanted.boxes.xyxy.numpy(), atol=1e-3)
    np.testing.assert_allclose(scores, wanted.boxes.conf.numpy(), atol=1e-5)
    assert classes.tolist() == wanted.boxes.cls.tolist()
    points[..., :2] = points[..., :2].clip(0, (128, 96))
    np.testing.assert_allclose(points, wanted.keypoints.data.numpy(), atol=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_a_last_node_turns_predictions_into_rows(onnx_file, tmp_path, monkeypatch):
    import onnxruntime

    monkeypatch.chdir(tmp_path)
    shutil.copy(onnx_file, "yolo11n-pose.onnx")
    exec(block_of_docs("import onnx\n"), {})
    one, other = (onnxruntime.InferenceSession(f"yolo11n-pose{end}.onnx") for end in ("", "-rows"))
    columns, rows = (session.run(["output0"], {"images": pictures(1)})[0] for session in (one, other))
    assert other.get_outputs()[0].shape == [1, 252, 56]
    np.testing.assert_array_equal(columns.transpose(0, 2, 1), rows)
