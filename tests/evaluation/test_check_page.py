"""The page of findings stands alone, escapes what it shows and draws what it says."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
from checks_data import parts, plain, rows, task

from loopcast.core.grid import grid
from loopcast.data.checks.finding import Finding
from loopcast.data.checks.panel import check_panel
from loopcast.data.checks.report import Report
from loopcast.data.checks.rows import check_rows
from loopcast.evaluation.check_drawings import POINTS, Axis, line
from loopcast.evaluation.check_page import check_page

VOID = {"meta", "path", "rect"}


class Balanced(HTMLParser):
    """Fails where a tag is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def page(table: dict, told) -> str:
    panel = grid(table, told)
    splits = parts(panel, told)
    findings = [*check_rows(table, told), *check_panel(panel, told, splits)]
    report = Report.about(findings, told, rows=len(table["sales"]), panel=panel, splits=splits)
    return check_page(report, panel, told, splits)


def parsed(html: str) -> Balanced:
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    return parser


def faulty() -> dict:
    table = rows()
    table["sales"][84 * 4 + 40 : 84 * 5] *= 1000
    table["sales"][84 * 6 + 20] *= 100
    table["sales"][3] = -1
    return table


def test_the_page_is_whole_and_needs_nothing_from_elsewhere() -> None:
    html = page(faulty(), task())
    assert parsed(html).seen.count("figure") > 8
    assert not re.search(r"(?:src|href)=|url\(|@import|<script|https?:", html)
    assert "prefers-color-scheme:dark" in html
    assert 'name="viewport"' in html
    assert len(html) < 300_000


def test_findings_stand_with_severity_advice_and_pictures_of_their_series() -> None:
    html = page(faulty(), task())
    article = next(a for a in html.split("<article") if ">unit-jump<" in a)
    assert 'class="warning"' in article
    assert "bring all rows to one unit" in article
    assert article.count("<svg") == 1
    assert 'class="mark"' in article
    assert 'class="validation"' in article
    assert "shop 04" in article


def test_everything_from_the_data_is_escaped() -> None:
    table = rows()
    table["shop"] = np.array(
        [f'<img src="x" onerror=alert({s[-2:]})>' for s in table["shop"]], object
    )
    table["kind"][:] = "</svg><script>"
    table["sales"][3] = -1
    told = replace(task(), target="<i>")
    table["<i>"] = table["sales"]
    html = page(table, told)
    assert "<img" not in html
    assert "<script" not in html
    assert "<i>" not in html
    assert "&lt;i&gt;" in html
    parsed(html)


def test_rows_that_make_no_panel_still_make_a_page() -> None:
    table = rows()
    del table["price"]
    report = Report.about(check_rows(table, task()), task(), rows=1008)
    html = check_page(report, None, task())
    parsed(html)
    assert "missing-column" in html
    assert "<svg" not in html


def test_clean_data_of_a_single_series_makes_a_page() -> None:
    html = page(rows("D", 1, 800), plain(task("D", 28, keys=())))
    parsed(html)
    assert "Balance" not in html


def test_findings_about_series_that_are_not_there_draw_nothing() -> None:
    panel = grid(rows(series=2), task())
    stray = Finding("gaps", "note", 1, ("gone",), "seen", "do", (99,), (0,))
    parsed(check_page(Report.about([stray], task(), panel=panel), panel, task()))


def test_long_lines_keep_their_extremes_and_gaps() -> None:
    long = np.sin(np.arange(50_000) / 500)
    long[31_234] = 9
    drawn = line("long", long, Axis("a", "b"))
    assert ">9<" in drawn
    assert drawn.count("L") < 2 * POINTS
    gap = np.r_[np.ones(5), np.full(5, np.nan), 1, np.full(5, np.nan), np.ones(5)]
    path, dots = re.findall(r' d="([^"]*)"', line("gap", gap, Axis("a", "b")))
    assert path.count("M") == 2
    assert dots.count("M") == 1


def test_a_line_without_any_value_is_drawn_empty() -> None:
    assert 'class="line" d=""' in line("none", np.full(7, np.nan), Axis("a", "b"))
