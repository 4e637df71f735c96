from pathlib import Path

import pytest
import yaml

from posekit.config.commands import MODES, modes_by_key
from posekit.config.describe import default_file, markdown_table, mode_list, rows
from posekit.config.kinds import settings_of
from posekit.config.read import IGNORED, PRECISION_NAMES, RENAMED, build
from posekit.config.user import UserSettings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_settings_page_holds_the_table_of_the_code():
    """After a change of settings: python -m posekit.config.describe prints the new table."""
    assert markdown_table() in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("names", [RENAMED, IGNORED, PRECISION_NAMES, settings_of(UserSettings)], ids=len)
def test_the_settings_page_names_all_other_words(names):
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}" not in text] == []


def test_every_setting_has_one_row():
    assert [row.key for row in rows()] == sorted(modes_by_key())


def test_a_default_that_depends_on_the_mode_is_shown_for_each():
    line = next(line for line in markdown_table().splitlines() if line.startswith("| `conf`"))
    assert "0.001 (predict: 0.25; track: 0.1)" in line


def test_a_mode_lists_its_settings_with_their_defaults():
    assert "conf=0.25" in mode_list(MODES["predict"].settings)
    assert "epochs" not in mode_list(MODES["predict"].settings)


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.name)
def test_the_default_file_changes_nothing_in_any_mode(mode, tmp_path, caplog):
    file = tmp_path / "default_copy.yaml"
    file.write_text(default_file(), encoding="utf-8")
    assert build(mode.settings, {"cfg": file}) == mode.settings()
    assert not caplog.records


def test_the_default_file_names_every_setting():
    text = default_file()
    assert all(f"{key}: " in text for key in modes_by_key())
    assert yaml.safe_load(text)["max_det"] == 300
