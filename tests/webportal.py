"""A portal's web server as its own process, and a session of one of its people. No broker, no worker."""

import http.cookiejar
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

PASSWORD = "only-for-this-test"
_MAKE_AUTHOR = (
    "from portal.accounts.models import User; "
    f"User.objects.create_user('tomas', password='{PASSWORD}', role='author')"
)
_TOKEN = re.compile(r'csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True)
class WebPortal:
    """One running web server, and the environment it was started with."""

    origin: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    def sign_in(self) -> "Session":
        session = Session(self.origin)
        session.sign_in("tomas", PASSWORD)
        return session


class Session:
    """What a browser keeps of one signed-in person."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    @property
    def cookies(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.jar)

    def sign_in(self, username: str, password: str) -> None:
        fields = {"username": username, "password": password}
        fields["csrfmiddlewaretoken"] = self.csrf_token("/sign-in/")
        self._open("/sign-in/", urllib.parse.urlencode(fields).encode(), {})

    def csrf_token(self, path: str = "/upload/") -> str:
        found = _TOKEN.search(self._open(path, None, {}).decode())
        assert found, f"no form at {path}"
        return found[1]

    def upload(self, path: Path, **fields: str) -> dict[str, Any]:
        """Send a file as the upload page does; the portal's answer, with its status."""
        boundary = uuid.uuid4().hex
        parts = [_part(boundary, name, value.encode()) for name, value in fields.items()]
        parts.append(_part(boundary, "file", path.read_bytes(), filename=path.name))
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Accept": "application/json",
            "X-CSRFToken": self.csrf_token(),
        }
        try:
            answer: dict[str, Any] = json.loads(self._open("/upload/", body, headers))
        except urllib.error.HTTPError as error:
            return json.load(error) | {"status": error.code}
        return answer | {"status": 201}

    def _open(self, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        headers = {"Origin": self.origin, "Referer": f"{self.origin}/", **headers}
        request = urllib.request.Request(self.origin + path, body, headers)
        with self._opener.open(request) as response:
            content: bytes = response.read()
        return content


@contextmanager
def running(environment: dict[str, str]) -> Iterator[WebPortal]:
    """Migrate, make one author, serve; stopped afterwards."""
    origin = environment["BROADSHEET_PORTAL_ORIGIN"]
    manage = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py")]
    for command in (["migrate", "-v", "0"], ["shell", "-v", "0", "-c", _MAKE_AUTHOR]):
        subprocess.run([*manage, *command], env=environment, check=True, capture_output=True)
    bind = f"127.0.0.1:{urllib.parse.urlsplit(origin).port}"
    server = [sys.executable, "-m", "gunicorn", "--config", "python:portal.gunicorn"]
    with (Path(environment["BROADSHEET_DATA_DIR"]) / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [*server, "--bind", bind, "portal.wsgi"],
            env=environment,
            cwd=settings.BASE_DIR,
            stdout=log,
            stderr=log,
        )
        try:
            _wait(origin, process)
            yield WebPortal(origin, environment, process)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait(origin: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"{origin}/health/live").close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the web server ended with code {process.returncode}")


def _part(boundary: str, name: str, value: bytes, filename: str = "") -> bytes:
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode() + value + b"\r\n"
