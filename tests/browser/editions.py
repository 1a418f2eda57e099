"""A small content server for produced pages: the policy of the content origin, without the portal."""

import http.server
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from tests.publishing.vendored import STATIC

_TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm"}
_HOST = """<!doctype html><style>body {{ margin: 0 }} iframe {{ width: 100%; height: 150px; border: 0 }}</style>
<iframe src="{page}" sandbox="allow-scripts allow-downloads allow-popups"></iframe>
<script>
  const frame = document.querySelector("iframe");
  window.messages = [];
  addEventListener("message", (event) => {{
    if (event.source !== frame.contentWindow) return;
    messages.push(event.data);
    if (event.data.type === "broadsheet:resize") frame.style.height = `${{event.data.height}}px`;
  }});
</script>"""


@contextmanager
def serving(editions: Path) -> Iterator[str]:
    """The address of `editions`: /c/<folder>/<file>, and /host/<folder>/<file> for a page that frames it."""
    handler = type("Handler", (_Handler,), {"editions": editions})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    editions: Path

    def do_GET(self) -> None:
        area, _, rest = unquote(self.path).lstrip("/").partition("/")
        if area == "host":
            return self._answer(_HOST.format(page=f"/c/{rest}").encode(), "text/html", {})
        root = {"c": self.editions, "static": STATIC}.get(area)
        if root is None or not (root / rest).is_file():
            return self.send_error(404)
        kind = _TYPES.get(Path(rest).suffix) or mimetypes.guess_type(rest)[0]
        headers = {"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"}
        if area == "c":
            headers["Content-Security-Policy"] = self._policy(rest.partition("/")[0])
        return self._answer((root / rest).read_bytes(), kind or "application/octet-stream", headers)

    def _policy(self, folder: str) -> str:
        origin = f"http://{self.headers['Host']}"
        own, static = f"{origin}/c/{folder}/", f"{origin}/static/"
        return "; ".join(
            [
                "sandbox allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox",
                "default-src 'none'",
                f"script-src 'unsafe-inline' 'unsafe-eval' blob: data: {own} {static}",
                f"style-src 'unsafe-inline' {own} {static}",
                f"img-src data: blob: {own} {static}",
                f"font-src data: {own} {static}",
                f"connect-src data: blob: {own} {static}",
                f"media-src data: blob: {own}",
                "worker-src blob: data:",
                "form-action 'none'",
                "base-uri 'none'",
                f"frame-src data: blob: {own}",
            ]
        )

    def _answer(self, body: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""
