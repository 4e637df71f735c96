from importlib import metadata

import pytest

from posekit.cli.system import read_requirement, requirements, satisfies


@pytest.mark.parametrize(
    ("version", "wanted", "verdict"),
    [
        ("2.13.0", ">=2.13,<2.14", True),
        ("2.13.0+cpu", ">=2.13,<2.14", True),
        ("2.14.0", ">=2.13,<2.14", False),
        ("2.14", "<2.14", False),
        ("1.26", ">=1.26.0", True),
        ("10.0", ">=9.1", True),
        ("1.0", "!=1.0", False),
        ("1.0", "==1", True),
        ("1.0.1", ">1.0", True),
        ("1.0", "<=1.0", True),
        ("anything", "", True),
    ],
)
def test_versions_are_compared_by_their_numbers(version, wanted, verdict):
    assert satisfies(version, wanted) is verdict


def test_an_unknown_limit_is_an_error():
    with pytest.raises(ValueError, match="~=1"):
        satisfies("1.0", "~=1")


@pytest.mark.parametrize(
    ("line", "package", "wanted", "extra"),
    [
        ("numpy>=1.26", "numpy", ">=1.26", ""),
        ("supervision<0.33,>=0.31", "supervision", "<0.33,>=0.31", ""),
        ("pip (>=1.0)", "pip", ">=1.0", ""),
        ("polars>=1.0; extra == 'polars'", "polars", ">=1.0", "polars"),
        ('types-PyYAML; extra == "dev"', "types-PyYAML", "", "dev"),
        ("tool[fast] >=2", "tool", ">=2", ""),
    ],
)
def test_a_requirement_line_is_taken_apart(line, package, wanted, extra):
    requirement = read_requirement(line)
    assert (requirement.package, requirement.wanted, requirement.extra) == (package, wanted, extra)


def test_the_installed_version_is_looked_up():
    requirement = read_requirement("pytest>=1")
    assert requirement.installed == metadata.version("pytest")
    assert requirement.met


def test_a_missing_package_is_not_met():
    requirement = read_requirement("no-such-package-anywhere>=1")
    assert requirement.installed is None
    assert not requirement.met


def test_every_requirement_of_an_installed_package_can_be_read():
    found = requirements("pytest")
    assert found is not None
    assert "pluggy" in {requirement.package for requirement in found}


def test_a_package_that_is_not_installed_has_no_requirements():
    assert requirements("no-such-package-anywhere") is None
