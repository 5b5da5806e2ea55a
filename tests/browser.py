"""A headless browser for tests of pages, and what they ask it."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
# Share of the relative luminance of two colours, as WCAG 2 defines it, of every element that shows text.
CONTRASTS = """
const channel = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
const behind = (element) => {
  const layers = [];
  for (let each = element; each; each = each.parentElement) layers.push(parse(getComputedStyle(each).backgroundColor));
  const over = (under, [r, g, b, a]) => [r, g, b].map((c, i) => c * a + under[i] * (1 - a));
  return layers.reverse().reduce(over, [255, 255, 255]);
};
const found = [];
for (const element of document.querySelectorAll("body *")) {
  if (element.closest("svg, script, noscript, .unseen, .skip, #missing")) continue;
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || element.getClientRects().length === 0) continue;
  const back = behind(element);
  const pair = [luminance(parse(getComputedStyle(element).color)), luminance(back)].sort((a, b) => b - a);
  const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
  if (ratio < 4.5) found.push(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
}
const back = luminance(behind(document.body));
for (let series = 0; series < COLOURS; series++) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = theme.colour(`s${series}`);
  const pair = [luminance(parse(getComputedStyle(probe).color)), back].sort((a, b) => b - a);
  if ((pair[0] + 0.05) / (pair[1] + 0.05) < 3) found.push(`line s${series}`);
  probe.remove();
}
return found;
"""


@contextmanager
def headless() -> Generator[Any]:
    """Chromium with its driver; the test is skipped where one of them is missing."""
    webdriver: Any = pytest.importorskip("selenium.webdriver", reason="no selenium: pip install selenium")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1300,900",
    ):
        options.add_argument(word)
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield found
    finally:
        found.quit()


def find(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def texts(browser: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)"
    return list(browser.execute_script(script, selector))


def choose(browser: Any, selector: str, text: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(find(browser, selector)).select_by_visible_text(text)
