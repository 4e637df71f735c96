"""The Python blocks of RF-DETR's own page about pose models, in pose_page.txt, run as printed but for `SWAPS`."""

import ast
import re
from math import prod
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest
import supervision as sv
import torch
from torch import nn

from golden.rfdetr_files import recorded_keys
from posekit import RFDETRPoseMedium
from posekit.config.user import load_user_settings
from posekit.data.figures.scene import FigureSource
from posekit.models.rfdetr.decoder import MLP
from small_rfdetr import filled

# Where there is a screen, matplotlib says that nothing is shown on it.
pytestmark = pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")

# What the page prints, and what runs here: another package, files instead of addresses and a camera, and a list and
# given keys instead of a window, which headless OpenCV lacks.
SWAPS = {
    "from rfdetr": "from posekit",
    "import requests": "from pathlib import Path",
    "requests.get(url).content": "Path(url).read_bytes()",
    "https://media.roboflow.com/notebooks/examples/": "",
    "<SOURCE_VIDEO_PATH>": '"street.avi"',
    "<TARGET_VIDEO_PATH>": '"annotated.mp4"',
    "cv2.VideoCapture(0)": 'cv2.VideoCapture("street.avi")',
    'cv2.imshow("Webcam", annotated_frame)': "shown.append(annotated_frame)",
    "cv2.waitKey(1)": "next(keys)",
    "cv2.destroyAllWindows()": "",
}

PAGE = (Path(__file__).parent / "data" / "rfdetr" / "pose_page.txt").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^## ([^\n]+)\n\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))

DETECTION_WEIGHTS = {
    "nano": "rf-detr-nano.pth",
    "small": "rf-detr-small.pth",
    "medium": "rf-detr-medium.pth",
    "large": "rf-detr-large-2026.pth",
}
POSE_WEIGHTS = "path/to/pose_weights.pth"
PUBLISHED = "transformer.decoder.layers.0.linear1.weight"


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """A working folder with the page's pictures and weights and a video, of a user who has no settings."""
    work = tmp_path_factory.mktemp("page")
    plt.switch_backend("agg")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        patch.setenv("POSEKIT_CONFIG_DIR", str(work / "config"))
        for variable in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
            patch.setenv(variable, str(work / "home"))
        write_pictures()
        write_pose_weights(work / POSE_WEIGHTS)
        yield work
    (work / POSE_WEIGHTS).unlink()  # large
    plt.close("all")


@pytest.fixture(scope="module")
def draw_keypoints():
    return run("Drawing")["draw_keypoints"]


@pytest.fixture(scope="module")
def on_an_image(draw_keypoints):
    """What the block about an image leaves."""
    return run("Image", draw_keypoints=draw_keypoints)


@pytest.fixture
def detection_weights():
    """Files of random numbers in the place of the published detection weights; they are large, so they go again."""
    weights = Path(load_user_settings().weights_dir)
    weights.mkdir(parents=True)
    noise = torch.randn(2_500_000, generator=torch.Generator().manual_seed(0)).mul(0.02).half()
    for variant, file in DETECTION_WEIGHTS.items():
        shapes, booleans = recorded_keys(variant)
        state = {
            name: noise[: prod(shape)].view(shape).clone() for name, shape in shapes.items() if name not in booleans
        }
        torch.save({"model": state}, weights / file)
    yield noise
    for file in DETECTION_WEIGHTS.values():
        (weights / file).unlink()


def write_pictures():
    frames = [sample.image for batch in FigureSource(3, seed=5) for sample in batch]
    for number, frame in enumerate(frames[:2], start=2):
        cv2.imwrite(f"dog-{number}.jpeg", frame)
    writer = cv2.VideoWriter("street.avi", cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for frame in frames:
        writer.write(cv2.resize(frame, (320, 240)))
    writer.release()


def write_pose_weights(path):
    """Write weights of the default size that find something: those of a new model score nothing above 0.5."""
    path.parent.mkdir(parents=True)
    network = RFDETRPoseMedium(pretrain_weights=None).model.network
    torch.save({"model": filled(network).state_dict()}, path)


def swapped(block):
    """Return the code of a block as it runs here."""
    code = BLOCKS[block]
    for printed, here in SWAPS.items():
        code = code.replace(printed, here)
    return code


def run(block, **given):
    """Run a block with some names given; return all that it leaves."""
    exec(compile(swapped(block), block, "exec"), given)
    return given


def frames_of(path):
    return list(sv.get_video_frames_generator(str(path)))


def test_every_block_and_every_swap_is_there():
    assert len(BLOCKS) == 10
    assert [printed for printed in SWAPS if printed not in PAGE] == []


def test_model_sizes(detection_weights):
    names, made = {}, []
    for statement in ast.parse(swapped("Model sizes")).body:
        exec(compile(ast.Module([statement], []), "page", "exec"), names)
        if "model" in names:
            network = names["model"].model.network
            made.append((names["model"].resolution, len(network.transformer.decoder.layers)))
            weight = network.state_dict()[PUBLISHED].cpu()
            assert weight.equal(detection_weights[: weight.numel()].view_as(weight).float())
            assert network.keypoints == 17
    assert made == [(384, 2), (512, 3), (576, 4), (768, 6)]


def test_an_image(on_an_image):
    detections, keypoints = on_an_image["detections"], on_an_image["keypoints"]
    assert isinstance(detections, sv.Detections)
    assert len(detections) > 5
    assert detections.confidence.min() > 0.5
    assert keypoints.shape == (len(detections), 17, 3)
    original, annotated = (np.asarray(on_an_image[name]) for name in ("image", "annotated_image"))
    assert annotated.shape == original.shape
    assert (annotated != original).any()
    (shown,) = plt.gcf().axes[0].images
    assert shown.get_size() == original.shape[:2]


def test_a_video_file(draw_keypoints):
    run("Video file", draw_keypoints=draw_keypoints)
    source, target = frames_of("street.avi"), frames_of("annotated.mp4")
    assert len(source) == len(target) == 3
    for before, after in zip(source, target, strict=True):
        assert np.abs(before.astype(int) - after).mean() > 5  # compression alone changes less than 3


def test_a_webcam(draw_keypoints):
    shown = []
    run("Webcam", draw_keypoints=draw_keypoints, shown=shown, keys=iter((-1, ord("q"))))
    assert [frame.shape for frame in shown] == [(240, 320, 3)] * 2
    for before, after in zip(frames_of("street.avi"), shown, strict=False):
        assert np.abs(before.astype(int) - after).mean() > 5


def test_the_output_format(on_an_image):
    detections = on_an_image["detections"]
    made = run("Output format", detections=detections)
    keypoints, confidence = made["keypoints"], made["confidence"]
    assert isinstance(keypoints, np.ndarray)
    assert keypoints.shape == (len(detections), 17, 3)
    assert confidence.shape == (len(detections), 17)
    assert 0 <= confidence.min() < 0.5 < confidence.max() <= 1
    np.testing.assert_array_equal(keypoints[..., 2], np.where(confidence > 0.5, 2, 0))
    width, height = on_an_image["image"].size
    assert ((keypoints[..., :2] >= 0) & (keypoints[..., :2] <= (width, height))).all()
    assert keypoints[..., :2].max() > 1  # pixels


def test_drawing(draw_keypoints):
    person = np.zeros((17, 3), np.float32)
    person[15], person[13], person[11] = (20, 20, 2), (80, 20, 2), (80, 80, 0)  # ankle, knee, and a hidden hip
    drawn = draw_keypoints(np.zeros((100, 100, 3), np.uint8), person[None])
    assert (drawn[20, [20, 80]] == (0, 255, 0)).all()
    assert (drawn[20, 50] == (255, 0, 0)).all()  # the first limb
    assert not drawn[40:].any()


def test_ones_own_keypoints(folder):
    model = run("Custom keypoints")["model"]
    assert model.schema.count == 21
    assert model.schema.names[0] == "wrist"
    assert model.schema.names[-1] == "pinky_tip"
    assert model.schema.skeleton == ((0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6), (6, 7), (7, 8))
    detections = model.predict(folder / "dog-2.jpeg", threshold=0)
    assert len(detections)
    assert detections.data["keypoints"].shape == (len(detections), 21, 3)


def test_a_list_of_images(capsys):
    found = run("Batch")["detections_list"]
    counts = [len(detections) for detections in found]
    assert len(counts) == 2
    assert min(counts) > 5
    told = "".join(f"Detected {count} people with keypoints shape: ({count}, 17, 3)\n" for count in counts)
    assert capsys.readouterr().out == told


def test_the_technical_blocks():
    network, seen = RFDETRPoseMedium(pretrain_weights=POSE_WEIGHTS, device="cpu").model.network, []
    head = network.keypoint_head
    hook = head.register_forward_hook(lambda module, inputs, output: seen.append((*inputs, output)))
    with torch.inference_mode():
        network(torch.rand(1, 3, 192, 192))
        hook.remove()
        ((queries, boxes, keypoints),) = seen
        check_coordinates(head, queries, boxes, keypoints)
        check_heads(head, queries)


def check_coordinates(head, queries, boxes, keypoints):
    """The printed formula places keypoints where the head does, which keeps them in the picture besides."""
    centre_x, centre_y, width, height = boxes[..., None, :].unbind(-1)
    made = run(
        "Coordinates",
        coord_head=lambda features: head.coord_head(features).view(*features.shape[:2], -1, 2),
        query_features=queries,
        box_x=centre_x - width / 2,
        box_y=centre_y - height / 2,
        box_w=width,
        box_h=height,
    )
    printed = torch.stack((made["x"], made["y"]), -1)
    inside = (printed == printed.clamp(0, 1)).all(-1)
    assert inside.sum() > 1000
    torch.testing.assert_close(keypoints[..., :2], printed.clamp(0, 1), atol=1e-6, rtol=0)


def check_heads(head, queries):
    """The printed networks take the weights of the head, and give what it gives."""
    built = nn.Module()
    run("Heads", self=built, MLP=stack, hidden_dim=256, num_keypoints=17)
    built.load_state_dict(head.state_dict())
    for name in ("coord_head", "visibility_head"):
        assert built.get_submodule(name)(queries).equal(head.get_submodule(name)(queries))


def stack(inputs, hidden, outputs, num_layers):
    """Return what the page calls an MLP."""
    return MLP(inputs, *[hidden] * (num_layers - 1), outputs)
