import pytest

from posekit.io.open_source import expand_pattern


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.png", "in/c.jpg", "in/deep/d.jpg", ".hidden/e.jpg", "x[1]/f.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.jpg", ["a.jpg"]),
        ("*/*.jpg", ["in/c.jpg", "x[1]/f.jpg"]),
        ("**/*.jpg", ["a.jpg", "in/c.jpg", "in/deep/d.jpg", "x[1]/f.jpg"]),
        ("in/**", ["in/c.jpg", "in/deep", "in/deep/d.jpg"]),
        ("**/deep/*", ["in/deep/d.jpg"]),
        ("**/in/**/*.jpg", ["in/c.jpg", "in/deep/d.jpg"]),
        (".hidden/*", [".hidden/e.jpg"]),
        ("**.jpg", ["a.jpg"]),
        ("a.jpg/**", []),
        ("nowhere/**/*.jpg", []),
    ],
)
def test_patterns_match_as_in_a_shell(folder, pattern, found):
    assert expand_pattern(folder / pattern) == [folder / name for name in found]


def test_links_to_folders_are_followed(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "g.jpg").touch()
    (folder / "in" / "link").symlink_to(elsewhere)
    assert folder / "in" / "link" / "g.jpg" in expand_pattern(folder / "**" / "*.jpg")


def test_links_in_circles_end_and_repeat_nothing(folder):
    for name in ("up", "round"):
        (folder / "in" / name).symlink_to(folder)
    assert len(expand_pattern(folder / "**" / "*.jpg")) == 4
