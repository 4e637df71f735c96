from posekit.config.kinds import near_matches, question


def test_the_nearest_word_comes_first():
    assert near_matches("predct", ["train", "predict", "project"])[0] == "predict"


def test_upper_case_does_not_hide_a_match():
    assert near_matches("sgd", ["SGD", "Adam"]) == ["SGD"]


def test_a_question_shows_defaults_where_there_are_any():
    assert question("cnf", ["conf", "cfg"], {"conf": "0.25"}) == ": did you mean conf=0.25 or cfg?"


def test_without_a_match_there_is_no_question():
    assert question("zzzz", ["conf"]) == ""
