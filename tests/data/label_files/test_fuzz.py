"""Whatever stands in a label file: no exception, and every row is either read or counted in a problem."""

import re
from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.label_files.mutations import HOSTILE, RULES, mutations, parse
from posekit.data.yolo.parse import MAX_PROBLEMS, scan_label_files

WORDS = st.one_of(st.sampled_from(HOSTILE), st.floats(0, 1, width=32).map(lambda value: f"{value:.5g}".encode()))


def count_lines(data):
    """Return how many lines are not blank, told in another way than the reader does."""
    return len(
        [line for line in re.split(rb"[\r\n]+", data.removeprefix(b"\xef\xbb\xbf")) if line.strip(b" \t\x0b\x0c")]
    )


def check(read, data, rule):
    rows = count_lines(data)
    lost = sum(problem.objects for problem in read.problems)
    assert read.rows == rows
    assert (0 if read.labels is None else len(read.labels)) + lost == rows
    assert sum(problem.picture for problem in read.problems) == (read.labels is None)
    assert len(read.problems) <= 2 * MAX_PROBLEMS
    check_places(read, data)
    if read.labels is not None:
        check_values(read.labels, rule)


def check_places(read, data):
    lines = re.split(r"\r\n|\n|\r", data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))
    for problem in read.problems:
        assert problem.file == "a.txt"
        assert problem.message
        assert "\n" not in str(problem)
        if problem.code != "more":
            assert 1 <= problem.line <= len(lines)
            assert 1 <= problem.column <= len(lines[problem.line - 1])


def check_values(labels, rule):
    highest = 100 if rule.task == "pose" else 1.011
    assert np.isfinite(labels.boxes).all()
    assert (labels.boxes > -0.011).all()
    assert (labels.boxes < highest).all()
    assert (labels.classes >= 0).all()
    assert rule.single_cls or (labels.classes < rule.nc).all()
    if labels.keypoints is not None:
        assert np.isfinite(labels.keypoints).all()
        assert np.isin(labels.keypoints[..., 2], (0, 1, 2)).all()
    for polygon in labels.polygons or ():
        assert np.isfinite(polygon).all()


def test_files_are_right_before_they_are_mutated():
    for rule, data in mutations(seed=3, count=100, most=0):
        read = parse(data, rule)
        assert not read.problems
        assert len(read.labels.classes) == count_lines(data)


def test_mutated_label_files_lose_no_row_unsaid():
    codes = Counter()
    for rule, data in mutations(seed=1, count=400):
        read = parse(data, rule)
        check(read, data, rule)
        codes.update({problem.code for problem in read.problems} or {"none"})
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
    report = scan_label_files(pictures, rule)[1]
    assert report.objects + report.dropped == rows
    assert report.corrupt == sum(problem.picture for problem in report.problems)
    assert report.found == len(pictures)


@given(data=st.binary(max_size=200), rule=st.sampled_from(RULES))
def test_any_bytes_are_read_or_refused(data, rule):
    check(parse(data, rule), data, rule)


@given(rows=st.lists(st.lists(WORDS, min_size=1, max_size=24), max_size=6), rule=st.sampled_from(RULES))
def test_any_rows_of_words_are_read_or_refused(rows, rule):
    data = b"\n".join(b" ".join(row) for row in rows)
    check(parse(data, rule), data, rule)
