"""The page that moves the rendering over the X-ray: its server's rules, and its use in a headless browser."""

import http.client
import json
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.geometry import Matrix, transform_points
from bench.single.problem import build_problem
from bench.start.server import MAX_REQUEST_BYTES, PageServer, page_text
from bench.start.session import Session, SessionError
from bench.xray.case import read_case

from .xray_files import bone, true_pose, write_case

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
CORNERS = {f"P{n}": point for n, point in enumerate(bone().content_corners())}


def session_of(folder: Path, views: int = 1) -> Session:
    case = read_case(write_case(folder, views=views))
    return Session(build_problem(case, content="everything", start="AP", depth_mm=700.0), CORNERS)


class Served:
    """A server that answers in a thread."""

    def __init__(self, session: Session) -> None:
        self.server = PageServer(session)
        self.saved: dict[str, Any] | None = None
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        self.saved = self.server.serve()

    def ask(self, name: str, content: Any = None, **headers: str) -> tuple[int, Any]:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.server.url + name, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    found = Served(session_of(tmp_path))
    yield found
    if found.thread.is_alive():
        found.server.finish({})
        found.thread.join(timeout=10)
    found.server.__exit__(None, None, None)


def centre_in_camera(pose: Matrix) -> Matrix:
    return transform_points(pose, bone().content_centre())


def test_the_page_stands_by_itself() -> None:
    text = page_text()
    assert "/* STYLE */" not in text
    assert "/* SCRIPT */" not in text
    assert "http://" not in text
    assert "https://" not in text


def test_movements_are_along_the_axes_of_the_view(tmp_path: Path) -> None:
    session = session_of(tmp_path, views=2)
    first = np.array(session.begin()["pose"])
    moved = np.array(session.move(first, 0, (0, 0, 0), (3, -4, 5))["pose"])
    np.testing.assert_allclose(centre_in_camera(moved) - centre_in_camera(first), (3, -4, 5), atol=1e-9)
    turned = np.array(session.move(first, 0, (0, 0, 90), (0, 0, 0))["pose"])
    np.testing.assert_allclose(centre_in_camera(turned), centre_in_camera(first), atol=1e-9)
    np.testing.assert_allclose(turned[:3, :3], [[0, -1, 0], [1, 0, 0], [0, 0, 1]] @ first[:3, :3], atol=1e-9)
    # Right in the second view, a quarter turn on, is away from the first view's source.
    second = np.array(session.move(first, 1, (0, 0, 0), (2, 0, 0))["pose"])
    np.testing.assert_allclose(centre_in_camera(second) - centre_in_camera(first), (0, 0, 2), atol=1e-9)
    theta = session.move(first, 0, (0, 0, 0), (3, -4, 5))["theta"]
    np.testing.assert_allclose(theta, (0, 0, 0, 3, -4, 5), atol=1e-9)
    np.testing.assert_allclose(session.place(theta)["pose"], moved, atol=1e-9)


def test_clicked_landmarks_place_the_rendering(tmp_path: Path) -> None:
    session = session_of(tmp_path, views=2)
    first = np.array(session.begin()["pose"])
    views = read_case(tmp_path / "knee.toml").views()
    clicks = [
        {"view": number, "name": name, "column": pixel[0], "row": pixel[1]}
        for number, view in enumerate(views)
        for name, point in list(CORNERS.items())[:5]
        for pixel in [view.camera.project(transform_points(view.camera_from_rig @ true_pose(), point)).tolist()]
    ]
    found = session.solve(clicks, keep_view=False, pose=first)
    np.testing.assert_allclose(found["pose"], true_pose(), atol=1e-3)
    assert found["rms_mm"] < 1e-3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("move", {"pose": [[1, 2], [3, 4]], "view": 0, "turn_deg": [0, 0, 0], "shift_mm": [0, 0, 0]}, "rigid 4x4"),
        ("move", {"view": 0}, "three angles"),
        ("move", {"view": 7, "turn_deg": [0, 0, 0], "shift_mm": [0, 0, 0]}, "expected a view from 0 to 0"),
        ("move", {"view": 0, "turn_deg": [0, 0], "shift_mm": [0, 0, 0]}, "three angles"),
        ("move", {"view": 0, "turn_deg": [0, 0, 0], "shift_mm": [0, 0, 1e9]}, "refused"),
        ("move", {"view": 0, "turn_deg": [0, 0, 0], "shift_mm": [0, 0, -700]}, "cannot be rendered"),
        ("move", {"view": "a", "turn_deg": [0, 0, 0], "shift_mm": [0, 0, 0]}, "another kind"),
        ("place", {"theta": [1, 2, 3]}, "six numbers"),
        ("place", {"theta": [0, 0, 0, 1e8, 0, 0]}, "ten metres"),
        ("solve", {"clicks": [{"view": float("inf"), "name": "P0", "column": 1, "row": 1}]}, "a click has"),
        ("solve", {"clicks": [{"view": 0, "name": "P0", "column": 10**400, "row": 1}]}, "a click has"),
        ("solve", {"clicks": [{"view": 0}]}, "a click has"),
        ("solve", {"clicks": [{"view": 0, "name": "X", "column": 1, "row": 1}]}, "no landmark named 'X'"),
        ("solve", {"clicks": []}, "at least 3"),
        ("solve", {"clicks": [{"view": 0, "name": "P0", "column": 1e4, "row": 1}]}, "beyond its"),
        ("nothing", {}, "no such request"),
        ("save", [1], "expected a JSON object"),
    ],
)
def test_requests_that_cannot_be_carried_out_are_said(served: Served, name: str, content: Any, words: str) -> None:
    pose = {"pose": served.ask("begin")[1]["pose"]}
    status, answer = served.ask(name, content if name == "save" else pose | content)
    assert 400 <= status < 500
    assert words in answer["error"]
    assert served.ask("begin")[0] == 200


def test_only_this_computer_with_the_token_is_answered(served: Served) -> None:
    url = served.server.url
    assert url.startswith("http://127.0.0.1:")
    assert served.ask("begin", Host="evil.example")[0] == 403
    assert served.ask("save", {}, Origin="http://evil.example")[0] == 403
    for path in ("", "/begin", "/x" * 40 + "/begin", "/../../etc/passwd"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url.rsplit("/", 2)[0] + path, timeout=10)
        assert caught.value.code == 404
    for path in ("../../etc/passwd", "page.js", "%2e%2e/x"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url + path, timeout=10)
        assert caught.value.code == 404
    assert served.ask("save", {"pose": [0] * MAX_REQUEST_BYTES})[0] == 413
    assert served.thread.is_alive()


@pytest.mark.parametrize("length", ["\u00b2", "-5", "x"])
def test_a_length_that_is_none_is_refused(served: Served, length: str) -> None:
    connection = http.client.HTTPConnection(served.server.url.split("/")[2], timeout=10)
    connection.request("POST", f"/{served.server.url.split('/')[3]}/render", headers={"Content-Length": length})
    assert connection.getresponse().status == 413
    assert served.ask("begin")[0] == 200


def test_a_request_nested_too_deep_is_refused(served: Served) -> None:
    connection = http.client.HTTPConnection(served.server.url.split("/")[2], timeout=10)
    connection.request("POST", f"/{served.server.url.split('/')[3]}/render", body=b"[" * 50_000)
    assert connection.getresponse().status == 400


def test_saving_ends_the_server(served: Served) -> None:
    pose = served.ask("begin")[1]["pose"]
    assert served.ask("save", {"pose": pose})[0] == 200
    served.thread.join(timeout=20)
    assert not served.thread.is_alive()
    assert served.saved is not None
    assert served.saved["rig_from_world"] == pose


def test_a_port_in_use_is_one_line(served: Served, tmp_path: Path) -> None:
    port = int(served.server.url.split(":")[2].split("/")[0])
    with pytest.raises(SessionError, match="cannot be used; give another --port"):
        PageServer(session_of(tmp_path), port=port)
    with pytest.raises(SessionError, match="cannot be used"):
        PageServer(session_of(tmp_path), port=99999)


@pytest.fixture
def browser() -> Iterator[Any]:
    webdriver: Any = pytest.importorskip("selenium.webdriver", reason="no selenium: pip install selenium")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1500,1000",
    ):
        options.add_argument(word)
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


class Page:
    """The page in the browser, by what a user sees."""

    def __init__(self, driver: Any, url: str) -> None:
        self.driver = driver
        driver.get(url)
        self.until("document.getElementById('status').textContent.startsWith('Drag the')")

    def until(self, condition: str) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 60).until(lambda driver: driver.execute_script(f"return {condition}"))

    def settled(self) -> None:
        self.until("!state.busy && state.queue === null")

    def numbers(self) -> list[float]:
        return [float(self.find(f"#number-{index}").get_attribute("value")) for index in range(6)]

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def drag(self, right: int, down: int, tool: str = "move") -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        self.find(f"input[value={tool}]").click()
        canvas = self.find("canvas")
        actions = ActionChains(self.driver).move_to_element_with_offset(canvas, 20, 30).click_and_hold()
        actions.move_by_offset(right, down).release().perform()
        self.settled()

    def enter(self, index: int, text: str) -> None:
        from selenium.webdriver.common.keys import Keys

        self.find(f"#number-{index}").send_keys(Keys.CONTROL, "a", Keys.NULL, text, Keys.TAB)

    def keys(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        self.driver.execute_script("document.querySelector('figure').focus()")
        ActionChains(self.driver).send_keys(*keys).perform()
        self.settled()


def test_the_rendering_is_dragged_over_the_xray_and_saved(browser: Any, served: Served) -> None:
    from selenium.webdriver.common.keys import Keys

    page = Page(browser, served.server.url)
    assert page.numbers() == [0] * 6
    page.drag(40, -25)
    _, _, _, right, down, depth = page.numbers()
    assert right > 2
    assert right / down == pytest.approx(-40 / 25, rel=0.05)
    assert depth == 0
    page.drag(0, 50, "tilt")
    assert page.numbers()[0] < -1
    page.drag(30, 30, "spin")
    assert page.numbers()[2] != 0
    page.drag(0, 20, "depth")
    assert page.numbers()[5] > 1
    page.find("#reset").click()
    page.settled()
    assert page.numbers() == [0] * 6
    page.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN, "q", "+")
    assert page.numbers() == [0, 0, -1, 2, 1, -5]
    page.keys("u")
    assert page.numbers()[5] == 0
    page.enter(3, "7.5")
    page.settled()
    assert page.numbers()[3] == 7.5
    for show in ("edges", "fade", "fusion"):
        page.find(f"input[value={show}]").click()
    lit = "Array.from(state.views[0].context.getImageData(0, 0, 96, 96).data).some((v, i) => i % 4 < 3 && v > 40)"
    assert browser.execute_script(f"return {lit}")
    pose = browser.execute_script("return state.pose")
    page.find("#save").click()
    page.until("document.getElementById('status').textContent.startsWith('Saved')")
    served.thread.join(timeout=20)
    assert served.saved is not None
    np.testing.assert_allclose(served.saved["rig_from_world"], pose, atol=1e-12)
    assert [each for each in browser.get_log("browser") if "favicon" not in each["message"]] == []


def test_errors_are_said_on_the_page(browser: Any, served: Served) -> None:
    page = Page(browser, served.server.url)
    page.enter(5, "-700")
    page.until("document.getElementById('status').className === 'error'")
    assert "cannot be rendered" in page.find("#status").text
    page.find("#reset").click()
    page.settled()
    assert page.numbers() == [0] * 6
    served.server.finish({})
    served.thread.join(timeout=20)
    served.server.__exit__(None, None, None)
    page.keys("e")
    page.until("document.getElementById('status').className === 'error'")
    assert "Start it again" in page.find("#status").text


def test_landmarks_are_clicked_on_the_page(browser: Any, served: Served) -> None:
    page = Page(browser, served.server.url)
    camera = read_case_camera()
    page.find("input[value=landmark]").click()
    for name in list(CORNERS)[:5]:
        column, row = camera.project(transform_points(true_pose(), CORNERS[name])).tolist()
        browser.execute_script(
            "document.getElementById('name').value = arguments[0];"
            "const box = document.querySelector('canvas').getBoundingClientRect();"
            "const scale = Math.min(box.width, box.height) / 96;"
            "document.querySelector('canvas').dispatchEvent(new PointerEvent('pointerdown', {"
            "clientX: box.left + (box.width - 96 * scale) / 2 + (arguments[1] + 0.5) * scale,"
            "clientY: box.top + (box.height - 96 * scale) / 2 + (arguments[2] + 0.5) * scale}));",
            name,
            column,
            row,
        )
    assert len(browser.find_elements("css selector", "#clicks li")) == 5
    page.find("#keep").click()
    page.find("#solve").click()
    page.until("document.getElementById('status').textContent.startsWith('Placed by 5 clicks')")
    np.testing.assert_allclose(browser.execute_script("return state.pose"), true_pose(), atol=0.5)


def read_case_camera() -> Any:
    from .xray_files import CAMERA

    return CAMERA
