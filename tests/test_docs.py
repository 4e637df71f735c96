"""The documentation keeps its word: links lead somewhere, code parses, commands and tables are those of the code."""

import ast
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import posekit
from posekit import errors
from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.cli.commands import SPECIALS
from posekit.cli.words import read_command
from posekit.config.commands import DEFAULT_MODE, require_mode
from posekit.config.read import resolve
from posekit.models.yolo.definition import ARGUMENTS, HEAD_TASKS, parse_definition
from posekit.models.yolo.network import silent_build

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SITE = sorted(DOCS.glob("*.md"))
PAGES = [*SITE, *sorted(ROOT.glob("*.md"))]

FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def text_of(page):
    return page.read_text(encoding="utf-8")


def blocks(page, *languages):
    """Return the code blocks of a page in one of the given languages."""
    return [code for language, code in FENCE.findall(text_of(page)) if language in languages]


def prose(page):
    """Return a page without code, which may look like links and headings."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text_of(page)))


def anchors(page):
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    headings = HEADING.findall(FENCE.sub("", text_of(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(page, start):
    """Return the cells of all table rows of a page that begin with `start`."""
    lines = [line for line in text_of(page).splitlines() if line.startswith(start)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def page_id(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_relative_links_lead_to_files_and_headings(page):
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{link}: no such file"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_python_blocks_parse(page):
    for code in blocks(page, "python"):
        ast.parse(code)


def commands(page):
    """Return the posekit commands of a page's shell blocks, as words without the program's name."""
    lines = [line.removeprefix("$ ") for code in blocks(page, "bash", "console") for line in code.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("posekit ")]


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_are_understood_without_a_warning(page, caplog):
    for words in commands(page):
        command = read_command(words)
        if command.special is None:
            owner = require_mode(command.settings.mode or DEFAULT_MODE).settings
        else:
            owner = SPECIALS[command.special].settings
        resolve(owner, command.values)
    assert caplog.messages == []


def test_the_site_shows_commands():
    """The test above would pass on pages without any."""
    assert sum(len(commands(page)) for page in SITE) >= 5


def test_every_page_is_in_the_table_of_contents_once():
    trees = blocks(DOCS / "index.md", "{toctree}")
    listed = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    assert sorted(listed) == [page.stem for page in SITE if page.stem != "index"]


def test_the_extras_are_those_of_the_package():
    declared = text_of(ROOT / "pyproject.toml").partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    extras = re.findall(r"^(\w+) = \[", declared, re.MULTILINE)
    page = text_of(DOCS / "install.md")
    assert [extra for extra in extras if f"\n| `{extra}` |" not in page] == []


def test_sizes_of_networks_are_the_recorded_ones():
    costs = json.loads((ROOT / "tests" / "golden" / "yolo" / "costs.json").read_text(encoding="utf-8"))
    table = {cells[0].strip("`"): cells[1:] for cells in rows(DOCS / "models.md", "| `yolo")}
    assert table.keys() == {name for name in costs if "-pose" in name}
    for name, (parameters, fused_parameters, gflops, fused_gflops) in table.items():
        cost = costs[name]
        assert int(parameters.replace(",", "")) == cost["parameters"]
        assert int(fused_parameters.replace(",", "")) == cost["fused_parameters"]
        assert float(gflops) == pytest.approx(cost["gflops"], abs=0.051)
        assert float(fused_gflops) == pytest.approx(cost["fused_gflops"], abs=0.051)


def test_definitions_shown_can_be_built():
    shown = [parse_definition(yaml.safe_load(code)) for code in blocks(DOCS / "models.md", "yaml")]
    assert [silent_build(definition).task for definition in shown] == ["pose"]


def test_blocks_and_heads_are_explained():
    page = text_of(DOCS / "models.md")
    inner = {"Silence"}  # does nothing; it occurs in stored definitions
    assert [name for name in {*ARGUMENTS, *HEAD_TASKS} - inner if f"`{name}`" not in page] == []


def test_every_error_is_explained():
    page = text_of(DOCS / "troubleshooting.md")
    names = [name for name, value in vars(errors).items() if inspect.isclass(value)]
    assert [name for name in names if f"{name}`" not in page] == []


def test_every_public_name_is_in_the_reference():
    page = text_of(DOCS / "api.md")
    assert [name for name in posekit.__all__ if f"`{name}`" not in page] == []


RECIPE = Path(__file__).parents[1] / "recipes" / "figures_pose.py"


@pytest.mark.parametrize("first", [False, True])
def test_the_recipe_makes_a_file_for_everybody(tmp_path, first):
    words = ["--pictures", "8", "8", "--epochs", "1", "1", "--imgsz", "64", "--val", "4"]
    if first:
        from posekit import YOLO

        YOLO("yolo11n-pose.yaml").save(tmp_path / "first.pt")
        words += ["--first", "first.pt"]
    done = subprocess.run(
        [sys.executable, RECIPE, "--out", "made.pt", "--runs", "runs", *words],
        cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    checkpoint = read_checkpoint(tmp_path / "made.pt")
    assert checkpoint.license == "Apache-2.0"
    assert str(tmp_path) not in repr((checkpoint.settings, checkpoint.metadata, checkpoint.definition))
