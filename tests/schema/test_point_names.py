import pytest

from posekit.schema.sides import repeated, words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("left_eye", "left eye"),
        ("Left Eye", "left eye"),
        ("leftEye", "left eye"),
        ("LeftEye", "left eye"),
        ("LEFT-EYE", "left eye"),
        ("L_F_Elbow", "l f elbow"),
        ("RHip", "r hip"),
        ("eyeL", "eye l"),
        ("forelegL1", "foreleg l 1"),
        ("Lip", "lip"),
        ("Élan_L", "élan l"),
        ("E\u0301lan", "élan"),
        ("\uff2c_eye", "l eye"),
        ("左目", "左目"),
        (" __ ", ""),
    ],
)
def test_names_fall_into_words_however_they_are_written(name, expected):
    assert " ".join(words(name)) == expected


def test_repeated_names_are_told_once():
    assert repeated(["a", "b", "a", "c", "a", "b"]) == ["a", "b"]
