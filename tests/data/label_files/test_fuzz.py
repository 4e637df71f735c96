"""Whatever stands in a label file: no exception, and every row is either read or counted in a problem."""

import re
from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.label_files.mutations import HOSTILE, RULES, mutations
from posekit.data.yolo.parse import MAX_PROBLEMS, parse_labels, scan_label_files

WORDS = st.one_of(st.sampled_from(HOSTILE), st.floats(0, 1, width=32).map(lambda value: f"{value:.5g}".encode()))


def count_lines(data):
    """Return how many lines are not blank, told in another way than the reader does."""
    return len(
        [line for line in re.split(rb"[\r\n]+", data.removeprefix(b"\xef\xbb\xbf")) if line.strip(b" \t\x0b\x0c")]
    )


def check(label_file, data, rule):
    rows = count_lines(data)
    lost = sum(problem.objects for problem in label_file.problems)
    assert label_file.rows == rows
    assert len(label_file.classes) + lost == rows
    assert sum(problem.picture for problem in label_file.problems) == label_file.is_corrupt
    assert not (label_file.is_corrupt and len(label_file.classes))
    assert len(label_file.problems) <= 2 * MAX_PROBLEMS
    check_places(label_file, data)
    check_values(label_file, rule)


def check_places(label_file, data):
    lines = re.split(r"\r\n|\n|\r", data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))
    for problem in label_file.problems:
        assert problem.file == "a.txt"
        assert problem.message
        assert "\n" not in str(problem)
        if problem.code != "more":
            assert 1 <= problem.line <= len(lines)
            assert 1 <= problem.column <= len(lines[problem.line - 1])


def check_values(label_file, rule):
    highest = 100 if rule.task == "pose" else 1.011
    assert np.isfinite(label_file.boxes).all()
    assert (label_file.boxes > -0.011).all()
    assert (label_file.boxes < highest).all()
    assert (label_file.classes >= 0).all()
    assert rule.single_cls or (label_file.classes < rule.nc).all()
    if label_file.keypoints is not None:
        assert np.isfinite(label_file.keypoints).all()
        assert np.isin(label_file.keypoints[..., 2], (0, 1, 2)).all()
    for polygon in label_file.polygons or ():
        assert np.isfinite(polygon).all()


def test_files_are_right_before_they_are_mutated():
    for rule, data in mutations(seed=3, count=100, most=0):
        label_file = parse_labels(data, rule, "a.txt")
        assert not label_file.problems
        assert len(label_file.classes) == count_lines(data)


def test_mutated_label_files_lose_no_row_unsaid():
    codes = Counter()
    for rule, data in mutations(seed=1, count=400):
        label_file = parse_labels(data, rule, "a.txt")
        check(label_file, data, rule)
        codes.update({problem.code for problem in label_file.problems} or {"none"})
    # The mutations reach every kind of complaint, and some files stay good.
    assert set(codes) >= {
        "none", "duplicates_removed", "out_of_bounds", "negative", "fractional_class", "class_out_of_range",
        "wrong_columns", "not_a_number", "not_finite", "not_utf8", "visibility", "more",
    }  # fmt: skip


@pytest.mark.parametrize("rule", RULES[:3], ids=lambda rule: f"{rule.task}{rule.kpt_shape}")
def test_a_folder_of_mutated_files_is_scanned_to_the_end(rule, tmp_path):
    pictures, rows = [], 0
    cv2.imwrite(str(tmp_path / "p.png"), np.zeros((16, 16, 3), np.uint8))
    for number, (_, data) in enumerate(mutations(seed=2, count=100)):
        picture = tmp_path / f"{number}.png"
        picture.hardlink_to(tmp_path / "p.png")
        picture.with_suffix(".txt").write_bytes(data)
        pictures.append(str(picture))
        rows += count_lines(data)
    report = scan_label_files(pictures, rule).report
    assert report.objects + report.dropped == rows
    assert report.corrupt == sum(problem.picture for problem in report.problems)
    assert report.found == len(pictures)


@given(data=st.binary(max_size=200), rule=st.sampled_from(RULES))
def test_any_bytes_are_read_or_refused(data, rule):
    check(parse_labels(data, rule, "a.txt"), data, rule)


@given(rows=st.lists(st.lists(WORDS, min_size=1, max_size=24), max_size=6), rule=st.sampled_from(RULES))
def test_any_rows_of_words_are_read_or_refused(rows, rule):
    data = b"\n".join(b" ".join(row) for row in rows)
    check(parse_labels(data, rule, "a.txt"), data, rule)
