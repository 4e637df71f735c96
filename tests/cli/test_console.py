from posekit.cli.console import say_error


def test_an_error_is_one_line_on_stderr(capsys):
    say_error("wrong\nword")
    assert capsys.readouterr().err == "ERROR wrong word\n"
