"""A run opens what the user named; the word figures stands for made scenes."""

import pytest

from posekit.config.settings import PredictSettings
from posekit.data.figures.scene import FigureSource
from posekit.engine.predictor import open_run


@pytest.mark.parametrize("source", ["figures", "figures:2:5", None])
def test_figures_are_made_scenes_also_when_nothing_is_named(here, source):
    assert isinstance(open_run(PredictSettings(), source).source, FigureSource)


def test_a_folder_of_that_name_is_preferred(here, gallery):
    gallery.rename(here / "figures")
    assert not isinstance(open_run(PredictSettings(), "figures").source, FigureSource)
