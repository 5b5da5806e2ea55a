"""The page's server: local connections only, a secret address, no access to files.

It binds 127.0.0.1, answers a fixed list of requests under a random token, refuses other host names (a page of another
site that resolves to this address), and ends when the pose is saved.
"""

import hmac
import json
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from types import TracebackType
from typing import Any, ClassVar, cast

import numpy as np

from bench.errors import FluorobenchError
from bench.geometry import Matrix
from bench.start.session import Session, SessionError

HOST = "127.0.0.1"
MAX_REQUEST_BYTES = 200_000

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"


class PageServer:
    """Serves one session until its pose is saved."""

    def __init__(self, session: Session, *, port: int = 0) -> None:
        """Bind; ``serve`` answers.

        Args:
            session: The case.
            port: 0 = any that is free.

        Raises:
            SessionError: The port cannot be used.
        """
        self._token = secrets.token_urlsafe(24)
        self._saved: dict[str, Any] | None = None
        handler = type("Handler", (_Handler,), {"session": session, "token": self._token, "owner": self})
        try:
            self._server = ThreadingHTTPServer((HOST, port), handler)
        except (OSError, OverflowError):
            raise SessionError(f"port {port} cannot be used; give another --port, or 0 for any that is free") from None
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """The page's address with its token."""
        return f"http://{HOST}:{self._server.server_address[1]}/{self._token}/"

    def serve(self) -> dict[str, Any] | None:
        """Answer until the pose is saved (its file's content) or Ctrl-C (None)."""
        try:
            self._server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            return None
        return self._saved

    def finish(self, saved: dict[str, Any]) -> None:
        """Store the saved pose and stop serving; called by a request."""
        self._saved = saved
        threading.Thread(target=self._server.shutdown, daemon=True).start()

    def __enter__(self) -> "PageServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One request. Class attributes are set by ``PageServer``."""

    session: ClassVar[Session]
    token: ClassVar[str]
    owner: ClassVar[PageServer]
    # Renderings use all cores: one at a time.
    turn: ClassVar[threading.Lock] = threading.Lock()
    server_version = "fluorobench"
    sys_version = ""

    def do_GET(self) -> None:
        name = self._name()
        if name == "":
            self._send(page_text().encode(), "text/html; charset=utf-8")
        elif name == "begin":
            self._answer("begin", {})
        elif name is not None:
            self._refuse(HTTPStatus.NOT_FOUND, "no such page")

    def do_POST(self) -> None:
        name = self._name()
        if name is None:
            return
        length = self.headers.get("Content-Length", "")
        known = length.isascii() and length.isdecimal()
        if not known or int(length) > MAX_REQUEST_BYTES:
            # Read a little more of it, or a browser sees a broken connection instead of the message.
            self.rfile.read(min(int(length), 10 * MAX_REQUEST_BYTES) if known else 0)
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too long")
            return
        try:
            content: Any = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            self._refuse(HTTPStatus.BAD_REQUEST, "expected a JSON object")
            return
        self._answer(name, cast(dict[str, Any], content))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests are not logged: the address holds the token."""

    def _name(self) -> str | None:
        """The request's path after the check of host and token; None where it was refused."""
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        origin = self.headers.get("Origin")
        parts = self.path.split("/")
        known = len(parts) == 3 and hmac.compare_digest(parts[1].encode(), self.token.encode())
        if host not in (HOST, "localhost") or (origin is not None and origin != f"http://{self.headers.get('Host')}"):
            self._refuse(HTTPStatus.FORBIDDEN, "this page is for this computer only")
            return None
        if not known:
            self._refuse(HTTPStatus.NOT_FOUND, "no such page: open the address that the command printed")
            return None
        return parts[2]

    def _answer(self, name: str, content: dict[str, Any]) -> None:
        actions = {
            "begin": lambda: self.session.begin(),
            "render": lambda: self.session.render(_pose(content)),
            "place": lambda: self.session.place(content.get("theta", [])),
            "move": lambda: self.session.move(
                _pose(content), content.get("view", -1), content.get("turn_deg", []), content.get("shift_mm", [])
            ),
            "solve": lambda: self.session.solve(
                content.get("clicks", []), keep_view=bool(content.get("keep_view")), pose=_pose(content)
            ),
            "save": lambda: self.session.saved(_pose(content)),
        }
        if name not in actions:
            self._refuse(HTTPStatus.NOT_FOUND, "no such request")
            return
        try:
            with self.turn:
                found = actions[name]()
        except FluorobenchError as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
            return
        except (TypeError, ValueError, OverflowError):
            self._refuse(HTTPStatus.BAD_REQUEST, "the request has values of another kind")
            return
        self._send(json.dumps(found).encode(), "application/json")
        if name == "save":
            self.owner.finish(found)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._send(json.dumps({"error": message}).encode(), "application/json", status)

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def page_text() -> str:
    """The page as one file: its style and script stand inside it."""
    folder = resources.files("bench.start")
    text = folder.joinpath("page.html").read_text(encoding="utf-8")
    for mark, name in (("/* STYLE */", "page.css"), ("/* SCRIPT */", "page.js")):
        text = text.replace(mark, folder.joinpath(name).read_text(encoding="utf-8"))
    return text


def _pose(content: dict[str, Any]) -> Matrix:
    return np.array(content.get("pose", []), dtype=np.float64)
