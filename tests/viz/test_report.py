"""The report: one file, safe with hostile names, and complete."""

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from posekit.data.checks.findings import Finding
from posekit.errors import OutputError
from posekit.viz.report import LONGEST_SIDE, POLICY, Chart, ReportPage, Table, report_html, save_report
from viz.pixels import decode

HOSTILE = '<script>alert(\'x\')</script>"><img src=x onerror="y">&amp; $x$ 飞 \u202egpj \x1b\x00 \udcff {braces}'
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
VOID = {"meta", "img", "input", "source", "br"}


class Page(HTMLParser):
    """Collects what a browser would see, and checks that every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def values(self, name):
        return [attributes[name] for _, attributes in self.elements if name in attributes]

    def tags(self):
        return {tag for tag, _ in self.elements}


def picture(height=60, width=80):
    return np.full((height, width, 3), (30, 140, 220), np.uint8)


def finding(severity="warning", title="title", examples=(), count=3, text="because"):
    one = Finding(code="code", severity=severity, title=title, explanation=text, advice=text, count=count)
    return one, examples


def hostile_page():
    return ReportPage(
        title=HOSTILE,
        subtitle=HOSTILE,
        summary=[(HOSTILE, HOSTILE)],
        findings=[finding("error", HOSTILE, [(HOSTILE, picture())], 1, HOSTILE)],
        charts=[Chart(title=HOSTILE, picture=PNG, dark=PNG)],
        tables=[Table(title=HOSTILE, header=[HOSTILE, "n"], rows=[[HOSTILE, 1]])],
        footer=HOSTILE,
    )


def test_hostile_texts_are_shown_and_do_nothing():
    page = Page(report_html(hostile_page()))
    assert not page.tags() & {"script", "iframe", "object", "link", "form", "svg"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert sum("<script>alert('x')</script>" in words for words in page.words) >= 11


def test_nothing_is_loaded_from_anywhere():
    page = Page(report_html(hostile_page()))
    assert all(address.startswith("data:image/") for address in page.values("src") + page.values("srcset"))
    assert all(address.startswith("#finding-") for address in page.values("href"))
    style = re.search(r"<style>(.*?)</style>", report_html(hostile_page()), re.S).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert POLICY in page.values("content")


def test_the_file_is_utf8_whole_and_alone(tmp_path):
    save_report(hostile_page(), tmp_path / "new" / "report.html")
    text = (tmp_path / "new" / "report.html").read_bytes().decode("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.endswith("</html>\n")
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_control_characters_and_undecodable_bytes_become_visible():
    words = "".join(Page(report_html(ReportPage(title="a\x1b\x00\udcff\u202eb"))).words)
    assert "a\\x1b\\x00\\udcff\\x202eb" in words


def test_errors_come_first_and_the_order_is_kept_within():
    order = [finding("note", "n"), finding("warning", "w1"), finding("error", "e"), finding("warning", "w2")]
    page = Page(report_html(ReportPage(title="t", findings=order)))
    classes = [a["class"].split()[-1] for tag, a in page.elements if tag == "section"]
    assert classes == ["error", "warning", "warning", "note"]
    words = [word for word in page.words if word in ("n", "w1", "w2", "e")]
    assert words == ["e", "w1", "w2", "n"] * 2  # in the overview, then one by one


def test_the_overview_leads_to_each_finding():
    page = Page(report_html(ReportPage(title="t", findings=[finding(), finding()])))
    assert [address[1:] for address in page.values("href")] == page.values("id") == ["finding-1", "finding-2"]


def test_no_findings_are_good_news():
    assert "Nothing was found that needs attention." in "".join(Page(report_html(ReportPage(title="t"))).words)


def test_a_count_of_zero_is_not_written():
    with_count, without = (
        "".join(Page(report_html(ReportPage(title="t", findings=[finding(count=count)]))).words) for count in (1234, 0)
    )
    assert "1,234 in all" in with_count
    assert "in all" not in without


def embedded(page):
    return [base64.b64decode(address.split(",", 1)[1]) for address in Page(report_html(page)).values("src")]


def test_examples_are_embedded_and_large_ones_shrunk():
    examples = [("a", picture()), ("b", picture(1500, 3000))]
    small, large = (decode(data) for data in embedded(ReportPage(title="t", findings=[finding(examples=examples)])))
    assert small.shape == (60, 80, 3)
    assert np.abs(small.astype(int) - (30, 140, 220)).max() < 8
    assert large.shape == (LONGEST_SIDE // 2, LONGEST_SIDE, 3)


def test_an_example_without_pixels_is_an_error(tmp_path):
    page = ReportPage(title="t", findings=[finding(examples=[("a", np.zeros((0, 4, 3), np.uint8))])])
    with pytest.raises(OutputError, match="does not fit"):
        save_report(page, tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


def test_charts_are_embedded_unchanged_and_have_a_dark_twin():
    page = ReportPage(title="t", charts=[Chart(title="c", picture=PNG, dark=PNG + b"dark")])
    assert embedded(page) == [PNG]
    twin = Page(report_html(page)).values("srcset")
    assert [base64.b64decode(address.split(",", 1)[1]) for address in twin] == [PNG + b"dark"]


def test_columns_of_numbers_stand_at_the_right():
    table = Table(title="t", header=["file", "line", "share"], rows=[["a", 1234, 0.5], ["b", None, 1 / 3]])
    page = Page(report_html(ReportPage(title="t", tables=[table])))
    assert [attributes for tag, attributes in page.elements if tag == "th"] == [
        {},
        {"class": "number"},
        {"class": "number"},
    ]
    assert {"1,234", "0.3333"} <= set(page.words)


def test_a_table_without_rows_has_its_header():
    words = Page(report_html(ReportPage(title="t", tables=[Table(title="t", header=["file"], rows=[])]))).words
    assert "file" in words


def test_light_dark_and_print_are_styled():
    style = report_html(ReportPage(title="t"))
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style
