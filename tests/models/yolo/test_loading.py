import pytest
import torch
import yaml

from posekit.checkpoint.checkpoint import read_checkpoint, save_checkpoint
from posekit.errors import CheckpointError, ModelDefinitionError, ModelNotFoundError
from posekit.models.yolo.family import LoadedModel, build, load
from posekit.models.yolo.network import fuse_network
from posekit.schema.schema import COCO_PERSON, KeypointSchema
from small_networks import small_definition, small_network


def loaded(name="yolov8n-pose", **options):
    network = small_network(name, **options)
    kpt_shape = network.head.spec.kpt_shape
    return LoadedModel(network=network, schema=KeypointSchema.for_shape(kpt_shape) if kpt_shape else None)


def test_a_yaml_file_is_built(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(small_definition()))
    model = build(path)
    assert (model.schema, model.license, model.settings) == (COCO_PERSON, None, {})
    assert not model.network.training


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"nc: [1,", "no valid YAML here"),
        (b"\xff\xfe\x00", "no valid YAML"),
        (b"", "no model definition: expected keys such as nc, backbone and head"),
        (b"- 1\n- 2\n", "no model definition"),
        (b"nc: 1\n", "expected 1 to 500 layers"),
        (b"a: !!python/object/apply:os.getcwd []\n", "no valid YAML"),
    ],
)
def test_a_bad_yaml_file_is_one_line_with_its_name(tmp_path, content, text):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(ModelDefinitionError, match=rf"mine\.yaml.*{text}") as caught:
        build(path)
    assert "\n" not in str(caught.value)


def test_a_yaml_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"missing\.yaml"):
        build(tmp_path / "missing.yaml")


def test_weights_come_back_as_they_were_written_without_touching_random_numbers(tmp_path):
    model = loaded()
    save_checkpoint(tmp_path / "a.pt", model.contents("a.pt"))
    before = torch.get_rng_state()
    copy = load(read_checkpoint(tmp_path / "a.pt"))
    assert torch.equal(before, torch.get_rng_state())
    for name, tensor in model.network.state_dict().items():
        torch.testing.assert_close(copy.network.state_dict()[name], tensor, rtol=0, atol=0)
    assert not copy.network.training
    assert copy.schema == COCO_PERSON


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda state: state.pop("model.0.conv.weight"), "model.0.conv.weight is missing"),
        (lambda state: state.update(extra=torch.zeros(1)), "extra is left over"),
        (lambda state: state.update({"model.0.conv.weight": torch.zeros(2)}), r"is \(2,\) instead of \(8, 3, 3, 3\)"),
        (lambda state: [state.pop(name) for name in list(state)[:9]], "and [0-9]+ more"),
    ],
)
def test_weights_that_do_not_fit_their_definition_are_named(tmp_path, change, text):
    contents = loaded().contents("bad.pt")
    change(contents.state)
    save_checkpoint(tmp_path / "bad.pt", contents)
    with pytest.raises(CheckpointError, match=rf"bad\.pt.*{text}"):
        load(read_checkpoint(tmp_path / "bad.pt"))


def test_batch_counters_may_be_missing(tmp_path):
    contents = loaded().contents("a.pt")
    for name in [name for name in contents.state if name.endswith("num_batches_tracked")]:
        del contents.state[name]
    save_checkpoint(tmp_path / "a.pt", contents)
    assert load(read_checkpoint(tmp_path / "a.pt")).network.task == "pose"


def test_a_fused_network_comes_back_fused(tmp_path):
    model = loaded("yolo26n-pose")
    model.network = fuse_network(model.network, "one2one")
    save_checkpoint(tmp_path / "a.pt", model.contents("a.pt"))
    copy = load(read_checkpoint(tmp_path / "a.pt"))
    assert copy.network.head.branches == ("one2one",)
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected, found = model.network(images)["one2one"], copy.network(images)["one2one"]
    torch.testing.assert_close(found["kpts"], expected["kpts"], rtol=0, atol=0)


def test_matching_weights_are_counted_and_nothing_else_changes():
    target, source = loaded(seed=1, nc=3), loaded(seed=2)
    before = {name: tensor.clone() for name, tensor in target.network.state_dict().items()}
    copied, total = target.copy_matching(source)
    after, given = target.network.state_dict(), source.network.state_dict()
    matching = {name for name in before if name in given and given[name].shape == before[name].shape}
    assert (copied, total) == (len(matching), len(before))
    for name, tensor in after.items():
        assert torch.equal(tensor, given[name] if name in matching else before[name])
    assert target.network.names == {0: "0", 1: "1", 2: "2"}


def test_weights_move_between_families_where_names_and_shapes_agree():
    target, source = loaded("yolo11n-pose", seed=1), loaded("yolov8n-pose", seed=2)
    copied, total = target.copy_matching(source)
    assert 0 < copied < total
    assert torch.equal(
        target.network.state_dict()["model.0.conv.weight"], source.network.state_dict()["model.0.conv.weight"]
    )
