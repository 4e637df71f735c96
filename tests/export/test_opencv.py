"""OpenCV loads the ONNX files of every network as they are written by default, and computes what ONNX Runtime does."""

import numpy as np
import pytest

from small_exports import SIZE, pictures, small_model, write_small

pytestmark = pytest.mark.filterwarnings("ignore")  # of the exporter
cv2 = pytest.importorskip("cv2")
for package in ("onnx", "onnxscript", "onnxslim", "onnxruntime"):
    pytest.importorskip(package)


@pytest.mark.parametrize("simplify", [True, False])
@pytest.mark.parametrize(
    ("name", "nc"), [("yolo11n-pose", 1), ("yolo26n-pose", 1), ("yolo26n-pose", 3), ("yolo11n-multitask", 2)]
)
def test_opencv_computes_what_onnx_runtime_does(tmp_path, name, nc, simplify):
    written = write_small(tmp_path, small_model(name, nc=nc), format="onnx", simplify=simplify, conf=0.01)
    images = pictures(1)
    wanted = written.session().run(images)
    network = cv2.dnn.readNetFromONNX(str(written.path))
    network.setInput(images)
    found = network.forward(list(written.facts.outputs))
    assert written.facts.layout == ("rows" if "26" in name else "dense")
    assert [value.shape for value in found] == [value.shape for value in wanted]
    assert max(np.abs(one - other).max() for one, other in zip(found, wanted, strict=True)) < 1e-3
    if written.facts.layout == "rows":
        assert (found[0][0, :, 4] > 0).sum() > 5
        assert set(found[0][0, :, 5].astype(int)) <= set(range(nc))
    else:
        scores = found[0][:, 4 : 4 + nc]
        assert 0 <= scores.min() <= scores.max() <= 1  # the sigmoid is done


def test_batches_of_a_fixed_size_run_in_opencv(tmp_path):
    written = write_small(tmp_path, small_model(), format="onnx", batch=2)
    network = cv2.dnn.readNetFromONNX(str(written.path))
    network.setInput(pictures(2))
    found = network.forward("output0")
    assert found.shape[0] == 2
    assert written.facts.imgsz == SIZE
    assert np.abs(found - written.session().run(pictures(2))[0]).max() < 1e-3
