import io
import subprocess
import sys

from posekit.log import one_line, say


def printed(text, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    say(text, stream)
    return stream.buffer.getvalue().decode(encoding)


def test_text_is_printed_as_it_is():
    assert printed("a\tb\nc 日本 é", "utf-8") == "a\tb\nc 日本 é\n"


def test_what_a_stream_cannot_show_is_spelled_as_an_escape():
    assert printed("日é", "latin-1") == "\\u65e5é\n"
    assert printed("日é", "ascii") == "\\u65e5\\xe9\n"
    assert printed("bad\udcff.jpg", "utf-8") == "bad\\udcff.jpg\n"


def test_what_a_terminal_would_take_for_a_command_is_spelled_as_an_escape():
    assert printed("a\x1b[31mb\rc\u202ed", "utf-8") == "a\\x1b[31mb\\rc\\u202ed\n"


def test_a_program_without_a_terminal_says_nothing(capsys):
    say("lost", None)
    assert capsys.readouterr() == ("", "")


def test_messages_of_the_library_reach_a_terminal_of_any_encoding():
    code = "from posekit.log import LOGGER, ensure_console; ensure_console(); LOGGER.info('日'); LOGGER.warning('本')"
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code],
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("\\u65e5\n", "WARNING \\u672c\n")


def test_line_breaks_become_spaces():
    assert one_line("a\n  b\tc") == "a b c"
