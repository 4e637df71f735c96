"""Text in figures: names of every kind can be drawn."""

from hypothesis import given
from hypothesis import strategies as st

from posekit.viz.chart_style import MISSING, drawable, installed_families, one_line, shortened


def test_matplotlibs_own_font_is_always_there():
    assert installed_families()[0] == "DejaVu Sans"


def test_latin_greek_and_cyrillic_names_stay_as_they_are():
    assert drawable("café Ωμέγα собака") == "café Ωμέγα собака"


def test_letters_of_no_font_become_a_box():
    assert drawable("a\U00013080b") == f"a{MISSING}b"  # a hieroglyph


def test_line_breaks_and_control_characters_become_one_blank():
    assert one_line("a\n\t b\x1b\x00c") == "a b c"


def test_a_long_name_keeps_both_ends():
    short = shortened("left_front_paw_of_the_first_dog", 16)
    assert len(short) == 16
    assert short.startswith("left_front")
    assert short.endswith("dog")


@given(st.text(alphabet=st.characters(), max_size=60), st.integers(1, 40))
def test_any_text_becomes_one_line_of_limited_length(text, longest):
    line = drawable(text, longest)
    assert len(line) <= longest
    assert line.isprintable()
