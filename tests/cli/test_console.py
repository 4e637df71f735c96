from posekit.log import say_answer, say_error


def test_an_error_is_one_line_on_stderr(capsys):
    say_error("wrong\nword")
    assert capsys.readouterr() == ("", "ERROR wrong word\n")


def test_an_answer_goes_to_stdout_as_it_is(capsys):
    say_answer("a\nb")
    assert capsys.readouterr() == ("a\nb\n", "")
