import logging

import pytest

from posekit.engine.validation_run import find_remembered


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.WARNING, "posekit")
    return caplog


@pytest.mark.parametrize("data", [None, "", 5])
def test_a_model_that_remembers_nothing_says_nothing(data, said):
    assert find_remembered(data) is None
    assert not said.records


def test_a_file_that_is_here_is_taken_and_named(tmp_path, said):
    file = tmp_path / "mine.yaml"
    file.touch()
    assert find_remembered(str(file)) == str(file)
    assert f"taking {file}, which the model was trained on" in said.text


@pytest.mark.parametrize(
    "data", ["coco-pose.yaml", "coco-pose", "/elsewhere/coco-pose.yaml", r"C:\sets\coco-pose.yaml"]
)
def test_a_built_in_set_is_found_by_its_name_wherever_it_was(data, said):
    assert str(find_remembered(data)).startswith("coco-pose")


@pytest.mark.parametrize("data", ["mine.yaml", "/elsewhere/mine.yaml"])
def test_what_is_not_here_is_not_taken(data, said):
    assert find_remembered(data) is None
    assert f"trained on {data}, which is not here" in said.text
