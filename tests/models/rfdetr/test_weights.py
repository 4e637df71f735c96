"""Files of weights: what they hold, what network that is, and how it fills another."""

import argparse
import json
import types
from collections import OrderedDict
from dataclasses import replace

import pytest
import torch

from golden.rfdetr_files import DETECTORS, POSE, PREVIEWS, build, recorded_keys
from posekit.errors import CheckpointError, ModelDefinitionError, WeightsNotFoundError
from posekit.models.rfdetr.architecture import (
    BASE,
    KEYPOINT_PREVIEW,
    NANO,
    KeypointSlots,
    Layout,
    from_definition,
    recognise,
    to_definition,
)
from posekit.models.rfdetr.weights import (
    POSITIONS,
    adapt,
    build_network,
    class_names,
    coco_names,
    cycled,
    fill_network,
    network_from_file,
    point_schema,
    read_weights_file,
    start_from_file,
)
from posekit.schema.schema import COCO_PERSON
from small_rfdetr import SMALLEST, small_preview, small_rfdetr

STATE = {"class_embed.bias": torch.arange(3.0), "_kp_active_mask": torch.zeros(0, 0, dtype=torch.bool)}


def written(path, contents):
    torch.save(contents, path)
    return path


@pytest.mark.parametrize("options", [argparse.Namespace, types.SimpleNamespace, dict])
def test_options_of_old_and_new_files(tmp_path, options):
    path = written(tmp_path / "m.pth", {"model": OrderedDict(STATE), "args": options(resolution=640), "epoch": 3})
    file = read_weights_file(path)
    assert file.options == {"resolution": 640}
    assert torch.equal(file.state["class_embed.bias"], torch.arange(3.0))
    assert file.state["_kp_active_mask"].dtype == torch.bool


def test_newer_settings_come_first(tmp_path):
    contents = {"model": STATE, "args": {"resolution": 1, "epochs": 2}, "model_config": {"resolution": 640}}
    assert read_weights_file(written(tmp_path / "m.pth", contents)).options == {"resolution": 640, "epochs": 2}


@pytest.mark.parametrize("prefix", ["module.", "model.", "model._orig_mod."])
def test_names_lose_what_wrappers_put_before_them(tmp_path, prefix):
    state = {f"{prefix}{name}": tensor for name, tensor in STATE.items()}
    assert set(read_weights_file(written(tmp_path / "m.pth", {"state_dict": state})).state) == set(STATE)


def test_a_bare_state_dict(tmp_path):
    assert set(read_weights_file(written(tmp_path / "m.pth", STATE)).state) == set(STATE)


def test_half_precision_is_widened(tmp_path):
    path = written(tmp_path / "m.pth", {"model": {"class_embed.bias": torch.ones(2, dtype=torch.float16)}})
    assert read_weights_file(path).state["class_embed.bias"].dtype == torch.float32


def test_a_file_without_tensors(tmp_path):
    with pytest.raises(CheckpointError, match="no state dict"):
        read_weights_file(written(tmp_path / "m.pth", {"epoch": 3}))


def test_a_file_that_would_run_something(tmp_path):
    class Trap:
        def __reduce__(self):
            return print, ("caught",)

    with pytest.raises(CheckpointError, match="print"):
        read_weights_file(written(tmp_path / "m.pth", {"model": STATE, "args": Trap()}))


def test_no_such_file(tmp_path):
    with pytest.raises(WeightsNotFoundError):
        read_weights_file(tmp_path / "m.pth")


def meta_state(variant):
    """Return the tensors of a variant's recorded keys, without memory."""
    shapes, booleans = recorded_keys(variant)
    return {
        name: torch.empty(shape, dtype=torch.bool if name in booleans else None, device="meta")
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize("variant", DETECTORS)
def test_published_detectors(variant):
    assert recognise(meta_state(variant), {}, "m.pth") == Layout(architecture=DETECTORS[variant], class_rows=91)


@pytest.mark.parametrize("variant", POSE)
def test_pose_models(variant):
    expected = Layout(architecture=POSE[variant], class_rows=2, keypoints=17)
    assert recognise(meta_state(variant), {}, "m.pth") == expected


@pytest.mark.parametrize("variant", PREVIEWS)
def test_keypoint_previews(variant):
    rows, slots = PREVIEWS[variant]
    expected = Layout(architecture=KEYPOINT_PREVIEW, class_rows=rows, slots=KeypointSlots(slots))
    assert recognise(build(variant).state_dict(), {}, "m.pth") == expected


@pytest.mark.parametrize(("rows", "slots"), [(2, (0, 8)), (3, (8,))])
def test_previews_without_a_mask(rows, slots):
    state = small_preview(class_rows=rows, slots=(0, 8) if rows == 2 else (8,)).state_dict()
    del state["_kp_active_mask"]
    assert recognise(state, {}, "m.pth").slots == KeypointSlots(slots)


def test_a_stated_resolution_counts_if_it_is_possible():
    state = small_rfdetr().state_dict()
    for stated, found in ((96, 96), (100, 64), ("96", 64), (None, 64)):
        layout = recognise(state, {"resolution": stated}, "m.pth")
        assert layout.architecture == replace(SMALLEST, resolution=found)


def test_the_first_large_is_refused_with_the_name_of_its_successor():
    with pytest.raises(CheckpointError, match="rf-detr-large-2026"):
        recognise(meta_state("large_deprecated"), {}, "rf-detr-large.pth")


def test_segmentation_networks_are_refused():
    state = small_rfdetr().state_dict() | {"segmentation_head.blocks.0.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match="segmentation"):
        recognise(state, {}, "m.pth")


def test_other_networks_are_refused():
    with pytest.raises(CheckpointError, match="no RF-DETR"):
        recognise({"model.0.conv.weight": torch.zeros(1)}, {}, "m.pth")


LAYOUTS = [
    Layout(architecture=NANO, class_rows=2, keypoints=17),
    Layout(architecture=BASE, class_rows=91),
    Layout(architecture=KEYPOINT_PREVIEW, class_rows=2, slots=KeypointSlots((0, 17))),
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_definition_comes_back_through_text(layout):
    assert from_definition(json.loads(json.dumps(to_definition(layout))), "m.pt") == layout


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("class_rows", "2", "class_rows"),
        ("keypoints", -1, "keypoints"),
        ("slots", [1, "a"], "slots"),
        ("architecture", None, "architecture"),
        ("architecture", {**to_definition(LAYOUTS[0])["architecture"], "taps": []}, "taps"),
        ("architecture", {**to_definition(LAYOUTS[0])["architecture"], "width": 1.5}, "width"),
    ],
)
def test_damage_of_a_definition_is_named(key, value, said):
    with pytest.raises(ModelDefinitionError, match=said):
        from_definition(to_definition(LAYOUTS[0]) | {key: value}, "m.pt")


def test_cocos_categories_keep_their_ids():
    names = coco_names()
    assert len(names) == 80
    assert (names[1], names[13], names[90]) == ("person", "stop sign", "toothbrush")
    assert class_names(Layout(architecture=NANO, class_rows=91), {}) == names


def test_stated_names_count_from_0_and_leave_the_spare_row_out():
    layout = Layout(architecture=NANO, class_rows=3)
    assert class_names(layout, {"class_names": ["cat", "dog"]}) == {0: "cat", 1: "dog"}
    assert class_names(layout, {"class_names": ["cat"]}) == {0: "0", 1: "1"}
    assert class_names(layout, {"class_names": "cat"}) == {0: "0", 1: "1"}


def test_one_class_is_a_person():
    assert class_names(Layout(architecture=NANO, class_rows=2, keypoints=17), {}) == {0: "person"}


def test_persons_of_the_preview_follow_its_background():
    published = Layout(architecture=KEYPOINT_PREVIEW, class_rows=2, slots=KeypointSlots((0, 17)))
    default = Layout(architecture=KEYPOINT_PREVIEW, class_rows=91, slots=KeypointSlots((17,)))
    assert class_names(published, {}) == {1: "person"}
    assert class_names(default, {}) == {0: "person"}


def test_points_without_names_are_cocos_if_they_are_17():
    assert point_schema(Layout(architecture=NANO, class_rows=2, keypoints=17), {}) == COCO_PERSON
    assert point_schema(Layout(architecture=NANO, class_rows=2, keypoints=4), {}).names == ("0", "1", "2", "3")
    assert point_schema(Layout(architecture=NANO, class_rows=2), {}) is None


def test_stated_point_names():
    layout = Layout(architecture=NANO, class_rows=2, keypoints=2)
    assert point_schema(layout, {"keypoint_names": ["head", "tail"]}).names == ("head", "tail")
    assert point_schema(layout, {"keypoint_names": ["head"]}).names == ("0", "1")


SOURCE = Layout(architecture=SMALLEST, class_rows=4, keypoints=5)


@pytest.fixture(scope="module")
def state():
    return small_rfdetr(class_rows=4).state_dict()


def fitted(state, target):
    """Fit a state, fill a network of the target layout with it, and return the state and the names that stay new."""
    made = adapt(state, SOURCE, target)
    return made, fill_network(build_network(target), made, "m.pth")


def test_the_same_layout_changes_nothing(state):
    made, new = fitted(state, SOURCE)
    assert not new
    assert all(torch.equal(made[name], tensor) for name, tensor in state.items())


def test_class_rows_are_repeated_in_order_or_cut():
    rows = torch.arange(3)
    assert cycled(rows, 5).tolist() == [0, 1, 2, 0, 1]
    assert cycled(rows, 2).tolist() == [0, 1]


@pytest.mark.parametrize("rows", [2, 7])
def test_other_classes(state, rows):
    made, new = fitted(state, replace(SOURCE, class_rows=rows))
    assert not new
    for name in ("class_embed.weight", "transformer.enc_out_class_embed.2.bias"):
        assert torch.equal(made[name], cycled(state[name], rows))


def test_fewer_queries_are_the_first_of_each_group(state):
    fewer = replace(SMALLEST, queries=4, groups=2)
    made, new = fitted(state, replace(SOURCE, architecture=fewer))
    assert not new
    for name in ("refpoint_embed.weight", "query_feat.weight"):
        groups = state[name].view(3, 9, -1)
        assert torch.equal(made[name], torch.cat((groups[0, :4], groups[1, :4])))


def test_another_resolution_resizes_the_positions(state):
    made, new = fitted(state, replace(SOURCE, architecture=replace(SMALLEST, position_grid=6)))
    assert not new
    assert made[POSITIONS].shape == (1, 37, 64)


def test_more_layers_begin_as_copies_of_the_last(state):
    made, new = fitted(state, replace(SOURCE, architecture=replace(SMALLEST, decoder_layers=4)))
    assert not new
    for index in (2, 3):
        name = "transformer.decoder.layers.{}.linear1.weight"
        assert torch.equal(made[name.format(index)], state[name.format(1)])


def test_fewer_layers_are_the_first(state):
    assert not fitted(state, replace(SOURCE, architecture=replace(SMALLEST, decoder_layers=1)))[1]


def test_other_keypoints_keep_all_but_the_last_layers(state):
    _, new = fitted(state, replace(SOURCE, keypoints=3))
    assert {name.rpartition(".")[0] for name in new} == {
        "keypoint_head.coord_head.layers.2",
        "keypoint_head.visibility_head.layers.2",
    }


def test_a_pose_model_becomes_a_detector(state):
    assert not fitted(state, replace(SOURCE, keypoints=0))[1]


@pytest.mark.parametrize("count", [4, 11])
def test_keypoint_tokens_of_a_preview_are_repeated_in_order_or_cut(count):
    before, after = (Layout(architecture=SMALLEST, class_rows=3, slots=KeypointSlots((0, n))) for n in (8, count))
    state = small_preview(slots=(0, 8)).state_dict()
    made = adapt(state, before, after)
    assert not fill_network(build_network(after), made, "m.pth")
    for name in ("transformer.decoder.keypoint_pos_embed", "transformer.keypoint_query_initializer.queries"):
        assert torch.equal(made[name], cycled(state[name], count))


def test_a_detector_starts_a_keypoint_preview(state):
    made, new = fitted(state, Layout(architecture=SMALLEST, class_rows=2, slots=KeypointSlots((0, 5))))
    assert all("keypoint" in name or ".kp_" in name or "_kp_" in name for name in new)
    name = "stages.0.0.cv1.conv.weight"
    assert torch.equal(made[f"backbone.0.cross_attn_projector.{name}"], state[f"backbone.0.projector.{name}"])


PERSON_POSE = Layout(architecture=SMALLEST, class_rows=2, keypoints=5)


def file_of(path, state):
    torch.save({"model": state, "args": argparse.Namespace(resolution=64)}, path)
    return read_weights_file(path)


@pytest.mark.parametrize("make", [small_rfdetr, small_preview, lambda: small_rfdetr(keypoints=0)])
def test_a_file_gives_its_network_back(tmp_path, make):
    original, images = make(), torch.rand(1, 3, 64, 64)
    state = original.state_dict()
    # As in the published files: an unused projection in the preview's, no mask in the detectors'.
    state["keypoint_head.keypoint_proj.weight"] = torch.zeros(1)
    if not state["_kp_active_mask"].numel():
        del state["_kp_active_mask"]
    loaded, _ = network_from_file(file_of(tmp_path / "m.pth", state))
    assert not loaded.training
    with torch.no_grad():
        before, after = original(images).last, loaded(images).last
    for part, same in zip(before, after, strict=True):
        assert part is same is None or torch.equal(part, same)


def test_a_detector_starts_a_pose_model_with_a_new_head(tmp_path):
    detector = small_rfdetr(class_rows=91, keypoints=0)
    network = build_network(PERSON_POSE)
    new = start_from_file(network, PERSON_POSE, file_of(tmp_path / "m.pth", detector.state_dict()))
    assert new
    assert all(name.startswith("keypoint_head.") for name in new)
    assert torch.equal(network.bbox_embed.layers[0].weight, detector.bbox_embed.layers[0].weight)
    assert torch.equal(network.class_embed.weight, detector.class_embed.weight[:2])


def test_missing_tensors_are_named(tmp_path):
    state = small_rfdetr().state_dict()
    del state["bbox_embed.layers.1.bias"]
    with pytest.raises(CheckpointError, match=r"bbox_embed\.layers\.1\.bias is missing"):
        network_from_file(file_of(tmp_path / "m.pth", state))


def test_a_pose_head_without_its_visibility_is_incomplete(tmp_path):
    state = small_rfdetr().state_dict()
    state = {name: tensor for name, tensor in state.items() if "visibility_head" not in name}
    with pytest.raises(CheckpointError, match="incomplete"):
        network_from_file(file_of(tmp_path / "m.pth", state))


def test_left_over_tensors_are_named(tmp_path):
    state = small_rfdetr().state_dict() | {"mystery.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"mystery\.weight is left over"):
        network_from_file(file_of(tmp_path / "m.pth", state))


def test_another_width_is_refused(tmp_path):
    target = Layout(architecture=SMALLEST.__class__(**{**vars(SMALLEST), "width": 32}), class_rows=2, keypoints=5)
    file = file_of(tmp_path / "m.pth", small_rfdetr().state_dict())
    with pytest.raises(CheckpointError, match="instead of"):
        start_from_file(build_network(target), target, file)
