from pathlib import Path

from posekit.engine.validation_writer import label_names


def test_sub_folders_are_joined_and_endings_left_away():
    assert label_names(["/d/a/b.c.jpg", "/d/e.png"], Path("/d")) == {"/d/a/b.c.jpg": "a_b.c", "/d/e.png": "e"}


def test_pictures_of_one_stem_get_names_of_their_own():
    pictures = ["/d/a.jpg", "/d/a.png", "/d/b/a.jpg", "/d/b_a.jpg", "/d/a-2.jpg"]
    names = label_names(pictures, Path("/d"))
    assert names["/d/a.png"] == "a-2"
    assert len(set(names.values())) == len(pictures)


def test_a_picture_that_is_named_twice_keeps_its_name():
    assert label_names(["/d/a.jpg", "/d/a.jpg"], Path("/d")) == {"/d/a.jpg": "a"}
