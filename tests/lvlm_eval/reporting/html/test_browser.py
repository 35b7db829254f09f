"""The page in headless Chromium: clicks, filters, keys; nothing loaded, nothing injected."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import PIL.Image
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lvlm_eval.reporting.html.browsing import Browsing
from lvlm_eval.store import RunStore

from .runs_to_browse import ARGUMENTS, CHROMIUM, browsed_run, write_page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: apt install it")

Open = Callable[..., Page]

NASTY = {
    "script": "</script><script>window.hacked=1</script>",
    "image": '<img src=x onerror="window.hacked=1">',
    "svg": "<svg/onload=window.hacked=1>",
    "link": '<a href="javascript:window.hacked=1">press</a>',
    "quote": '" onmouseover="window.hacked=1" x=\'',
    "template": "{{ 7*7 }} ${window.hacked=1} `",
    "comment": "<!--<script>--><!--",
    "lines": "one\u2028two\u2029three",
    "turned": "safe \u202egnp.exe\u202c end",
    "nul": "a\u0000b\u001b[31m",
    "中文": "一只红色的猫，坐在桌子上。",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a page of these runs from disk; afterwards nothing may have gone wrong in it."""
    problems: list[str] = []
    requests: list[str] = []

    def open_(stores: list[RunStore], browsing: Browsing | None = None) -> Page:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(write_page(tmp_path / "page", stores, browsing).as_uri())
        page.wait_for_selector(".row .mark")
        return page

    yield open_
    assert not problems
    assert all(url.startswith(("data:", "file:")) for url in requests)
    assert sum(url.startswith("file:") for url in requests) == 1


@pytest.fixture
def two(tmp_path: Path) -> list[RunStore]:
    """Two runs that differ on `b` alone; `e` failed in the first, `d` could not be read."""
    first = {"a": ("yes", 1.0), "b": ("no", 0.0), "c": ("yes", 1.0), "d": ("hm", 0.0)}
    second = {**first, "b": ("yes", 1.0), "e": ("no", 0.0)}
    kinds = {"a": "colour", "b": "colour"}
    return [
        browsed_run(tmp_path, "m1", first, failed="e", unreadable="d", score=0.5, groups=kinds),
        browsed_run(tmp_path, "m2", second, unreadable="d", score=0.7, groups=kinds),
    ]


def ids(page: Page) -> list[str]:
    """The ids of the rows in the list, from the top."""
    rows = page.locator(".row").all()
    places = {int(row.get_attribute("aria-posinset") or 0): row for row in rows}
    return [places[n].locator(".asked").inner_text() for n in sorted(places)]


def test_differences_between_two_runs_stand_first(open_page: Open, two: list[RunStore]) -> None:
    page = open_page(two)
    assert ids(page) == ["b", "e", "a", "c", "d"]
    assert page.locator("#count").inner_text() == "5 of 5, 2 differ"
    page.select_option("#order", "only")
    expect(page.locator(".row")).to_have_count(2)
    page.select_option("#order", "data")
    expect(page.locator(".row .mark")).to_have_count(10)
    assert ids(page) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("select", "value", "left"),
    [
        ("#state", "right", ["a", "c"]),
        ("#state", "failed", ["e"]),
        ("#state", "unparsed", ["d"]),
        ("#group", '["kind","colour"]', ["b", "a"]),
    ],
)
def test_filters_leave_what_they_say(
    open_page: Open, two: list[RunStore], select: str, value: str, left: list[str]
) -> None:
    page = open_page(two)
    page.select_option("#first", label="m1")
    page.select_option("#second", label="m2")
    page.select_option(select, value)
    expect(page.locator(".row .mark")).to_have_count(2 * len(left))
    assert ids(page) == left


def test_a_search_reads_ids_targets_and_answers(open_page: Open, two: list[RunStore]) -> None:
    page = open_page(two)
    page.keyboard.press("/")
    page.keyboard.type("TARGET OF c")
    expect(page.locator(".row .mark")).to_have_count(2)
    assert ids(page) == ["c"]
    page.fill("#search", "nowhere")
    page.wait_for_selector("text=No question fits these filters.")
    assert page.locator("#count").inner_text().startswith("0 of 5")


def test_keys_move_through_the_questions(open_page: Open, two: list[RunStore]) -> None:
    page = open_page(two)
    page.locator("#list").focus()
    title = page.locator("#detail h3")
    for key, chosen in (("j", "e"), ("ArrowDown", "a"), ("k", "e"), ("End", "d"), ("Home", "b")):
        page.keyboard.press(key)
        expect(title).to_have_text(chosen)
    active = page.locator("#list").get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "detail"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "list"


def test_the_chosen_question_shows_every_answer_and_how_it_was_read(
    open_page: Open, two: list[RunStore]
) -> None:
    page = open_page(two)
    page.locator(".row", has_text="target of e").first.click()
    page.wait_for_selector("#detail h3:text-is('e')")
    cards = page.locator(".answer").all_inner_texts()
    assert "OSError: no such picture" in cards[0]
    assert "failed" in cards[0]
    assert "read as “no” (whole text)" in cards[1]


def test_a_column_sorts_by_its_figures_best_first(open_page: Open, two: list[RunStore]) -> None:
    page = open_page(two)
    table = page.locator("#leaderboard table")
    button = table.locator("thead button", has_text="tiny")
    names = table.locator("tbody th")
    button.click()
    assert names.all_inner_texts() == ["m2", "m1"]
    assert table.locator("thead th", has_text="tiny").get_attribute("aria-sort") == "descending"
    button.click()
    assert names.all_inner_texts() == ["m1", "m2"]


def test_nothing_that_a_model_says_becomes_part_of_the_page(
    open_page: Open, tmp_path: Path
) -> None:
    answers = {name: (text, 0.0) for name, text in NASTY.items()}
    answers |= {text: ("x", 1.0) for name, text in NASTY.items() if name in ("script", "quote")}
    stores = [browsed_run(tmp_path, NASTY["script"], answers, unreadable=["nul"])]
    stores += [browsed_run(tmp_path, NASTY["quote"], {**answers, "svg": ("y", 1.0)})]
    questions = {"tiny": dict.fromkeys(answers, NASTY["image"])}
    page = open_page(stores, Browsing(questions=questions))
    page.locator("#list").focus()
    for _ in answers:
        page.keyboard.press("j")
        page.wait_for_timeout(20)
    for mark in ("sup", ".mark", "td", "svg g"):
        for place in page.locator(mark).all()[:4]:
            place.dispatch_event("mouseover")
    assert page.evaluate("window.hacked") is None
    assert page.locator("a[href^=javascript]").count() == 0
    assert page.locator("#samples script, #samples svg, #detail a").count() == 0


def test_characters_that_hide_or_turn_text_are_shown(open_page: Open, tmp_path: Path) -> None:
    answers = {"turned": (NASTY["turned"], 0.0), "lines": (NASTY["lines"], 0.0)}
    page = open_page([browsed_run(tmp_path, "m", answers)])
    said = page.locator(".answer p").first
    assert said.inner_text() == "safe U+202Egnp.exeU+202C end"
    assert page.evaluate("getComputedStyle(document.querySelector('.answer p')).unicodeBidi") in (
        "isolate",
        "plaintext",
    )


def test_chinese_text_and_names_stand_as_they_are(open_page: Open, tmp_path: Path) -> None:
    page = open_page([browsed_run(tmp_path, "模型", {"中文": (NASTY["中文"], 1.0)})])
    assert NASTY["中文"] in page.locator("#detail").inner_text()
    assert page.locator("#leaderboard tbody th").inner_text() == "模型"


def test_a_picture_is_shown_with_its_question(open_page: Open, two: list[RunStore]) -> None:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
    thumb = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    browsing = Browsing({"tiny": {"b": "Red?"}}, {"tiny": {"b": [0]}}, [thumb])
    page = open_page(two, browsing)
    page.wait_for_selector("#detail img")
    expect(page.locator("#detail img")).to_have_js_property("naturalWidth", 8)
    assert page.locator("#detail h3").inner_text() == "Red?"


def test_of_twenty_thousand_questions_only_those_in_sight_exist(
    open_page: Open, tmp_path: Path
) -> None:
    answers = {f"q{n}": (f"answer {n}", float(n % 3 == 0)) for n in range(20_000)}
    page = open_page([browsed_run(tmp_path, "m", answers)])
    assert page.locator(".row").count() < 60
    page.locator("#list").focus()
    page.keyboard.press("End")
    page.wait_for_selector("#detail h3:text-is('q19999')")
    assert page.locator(".row").count() < 60
    page.fill("#search", "answer 12345")
    page.wait_for_selector("#count:text-is('1 of 20,000')")


def test_both_colours_of_the_page_have_contrast(open_page: Open, two: list[RunStore]) -> None:
    page = open_page(two)
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        ratios = page.evaluate(CONTRAST)
        assert len(ratios) > 20
        assert not [pair for pair in ratios if pair[1] < 4.5]


# WCAG 2.1's contrast of each element's own text with the nearest background below it.
CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const below = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const found = rgb(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const found = new Map();
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !node.getClientRects().length || node.closest("svg, script")) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(below(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.set(`${node.tagName}.${node.className}`, ratio);
  }
  return [...found];
}"""
