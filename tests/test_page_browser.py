"""The page of a run in a headless browser, opened from the disk: what a reader does with mouse and keyboard."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.cli.report import write_report
from bench.score.finished import open_run

from .browser import CONTRASTS, choose, find, headless, texts
from .page_run import HOSTILE, Answer, labelled, near, nothing, start, toy_patients, write_run

ANSWERS: dict[str, Answer] = {"Near": near, HOSTILE: start, "Nothing": nothing}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    with toy_patients(folder):
        chosen = labelled(list(ANSWERS), artefacts={"names": ("sopi_table1",)})
        run = open_run(write_run(folder, chosen, ANSWERS).folder)
        write_report(run)
    return run.folder / "report.html"


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with headless() as found:
        yield found


@pytest.fixture
def browser(driver: Any, page: Path) -> Iterator[Any]:
    """The page, opened anew; ends with no message of the browser's: no error, no refused script, no request."""
    driver.get(page.as_uri())
    yield driver
    assert driver.get_log("browser") == []


def cells(browser: Any, column: int) -> list[str]:
    return texts(browser, f"#row-table tbody td:nth-child({column})")


def headings(browser: Any) -> list[str]:
    return texts(browser, "#row-table th")


def test_rows_are_sorted_and_what_is_no_number_stays_last(browser: Any) -> None:
    column = headings(browser).index("mTRE (mm)") + 1
    button = find(browser, f"#row-table th:nth-child({column}) button")
    browser.execute_script("arguments[0].click()", button)
    upwards = cells(browser, column)
    assert upwards[:4] == ["0.10", "0.20", "0.30", "0.40"]
    assert upwards[6:] == ["∞"] + ["–"] * 5
    assert find(browser, "th[aria-sort=ascending] button").text == "mTRE (mm)"
    browser.execute_script("arguments[0].click()", button)
    assert cells(browser, column)[0] == "∞"
    assert cells(browser, column)[-5:] == ["–"] * 5


def test_rows_are_filtered(browser: Any) -> None:
    assert find(browser, "#row-count").text == "12 of 12 rows"
    choose(browser, "#row-method", HOSTILE)
    assert find(browser, "#row-count").text == "4 of 12 rows"
    choose(browser, "#row-failure", "no pose")
    assert cells(browser, 1) == [HOSTILE]
    choose(browser, "#row-method", "all")
    find(browser, "#row-text").send_keys("TOO LONG")
    assert cells(browser, 1) == ["Nothing"] * 4
    find(browser, "#row-text").send_keys("x")
    assert find(browser, "#row-page").text == "no rows"


def test_a_case_is_opened_from_its_row_and_the_slider_moves_the_boundary(browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    choose(browser, "#row-method", HOSTILE)
    link = browser.find_elements("css selector", "#row-table tbody button")[3]
    browser.execute_script("arguments[0].click()", link)
    assert find(browser, "#case").get_property("selectedOptions")[0].text == "toy-1/001"
    assert find(browser, "#answer").get_property("selectedOptions")[0].text == HOSTILE
    find(browser, "input[value=slide]").click()
    slider = find(browser, "#slider")
    assert slider.get_property("value") == "50"
    slider.send_keys(*[Keys.ARROW_RIGHT] * 3)
    assert browser.execute_script("return cases.viewer.style.getPropertyValue('--cut')") == "53%"
    images = "return [...document.querySelectorAll('#viewer img, #thumbs img')].map((each) => each.naturalWidth)"
    assert browser.execute_script(images) == [32] * 5
    choose(browser, "#answer", "Near")
    assert len(browser.find_elements("css selector", "#trace .scatterlayer .trace")) == 1
    assert "search, as the method states it (s)" in find(browser, "#outcome").text
    choose(browser, "#answer", "Nothing")
    assert not find(browser, "#trace").is_displayed()
    assert "gave no pose" in find(browser, "#missing").text
    assert "it took too long" in find(browser, "#outcome").text


def test_figures_follow_the_methods_and_the_theme(browser: Any) -> None:
    drawn = "return document.querySelectorAll('#figure-success .panels > div:first-child .scatterlayer .trace').length"
    assert browser.execute_script(drawn) == 3
    find(browser, "#choices label:nth-child(2) input").click()
    assert browser.execute_script(drawn) == 2
    choose(browser, "#variant-distributions", "Rotation (deg)")
    title = "return document.querySelector('#figure-distributions .xtitle').textContent"
    assert browser.execute_script(title) == "Rotation (deg)"
    ink = "return getComputedStyle(document.querySelector('#figure-cost .xtitle')).fill"
    before = browser.execute_script(ink)
    find(browser, "#theme").click()
    assert browser.execute_script(ink) != before


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_and_lines_stand_out(browser: Any, name: str) -> None:
    browser.execute_script(
        f"theme.set('{name}'); document.querySelectorAll('details').forEach((d) => {{ d.open = true; }})"
    )
    assert browser.execute_script(CONTRASTS) == []


def test_everything_is_reached_by_the_keyboard(browser: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    visited = list[str]()
    for _ in range(60):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        visited.append(
            browser.execute_script("const e = document.activeElement; return e.id || e.name || e.textContent")
        )
    for name in (
        "theme",
        "all",
        "case",
        "answer",
        "previous",
        "next",
        "mode",
        "slider",
        "row-method",
        "row-text",
        "mTRE (mm)",
    ):
        assert name in visited
    assert "To the summary" in visited[0]
    unnamed = """return [...document.querySelectorAll('button, select, input')].filter((e) =>
        !e.textContent.trim() && !(e.labels && [...e.labels].some((l) => l.textContent.trim()))).length"""
    assert browser.execute_script(unnamed) == 0


def test_it_prints_and_fits_a_phone(browser: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert printed.startswith(b"%PDF-")
    assert printed.count(b"/Type /Page\n") > 2
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    WebDriverWait(browser, 20).until(
        lambda found: found.execute_script("return document.documentElement.scrollWidth") <= 390
    )
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_of_others_runs(browser: Any) -> None:
    from selenium.common.exceptions import NoAlertPresentException

    with pytest.raises(NoAlertPresentException):
        _ = browser.switch_to.alert.text
    assert browser.execute_script("return document.querySelectorAll('img[src=x]').length") == 0
    assert f"{HOSTILE} (1 without)" in texts(browser, "#figure-distributions .ytick text")
