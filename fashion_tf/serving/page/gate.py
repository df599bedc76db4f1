"""What stands before the page: of Gradio's many addresses those that the page needs, its answers with headers that keep
the browser on this server, and an end of its streams when the server stops. Plain ASGI."""

import asyncio
import re
from urllib.parse import unquote

from starlette.responses import JSONResponse, RedirectResponse, Response

from ..bounds import PAGE, STOPPING
from .files import is_own

LOOK_SECONDS = 0.25  # how often a stream looks whether the server is stopping
# After the page's own path. All else of Gradio (proxies, recordings, monitoring, its API) is not there.
ALLOWED = {
    "GET": re.compile(r"/|/config/?|/theme\.css|/manifest\.json|/favicon\.ico|/(assets|static)/.+|"
                      r"/gradio_api/(info/?|startup-events|queue/data|heartbeat/\w+|upload_progress|file=.+)"),
    "POST": re.compile(r"/gradio_api/(upload/?|queue/join/?|cancel/?|reset/?|stream/\w+(/close)?)"),
}
STREAMS = re.compile(r"/gradio_api/(queue/data|heartbeat/\w+|upload_progress)")
# No script, picture or request of another server, whatever a template or a model's class name says.
POLICY = ("default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
          "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
          "connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
          "form-action 'self'")
HEADERS = [(b"content-security-policy", POLICY.encode()), (b"x-content-type-options", b"nosniff"),
           (b"referrer-policy", b"same-origin")]


class Gate:
    """The application with the page in it.

    Args:
        app: The ASGI application; the page is at `PAGE`, and ``/`` leads there.
    """

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        own = path in ("/", "/favicon.ico", PAGE) or path.startswith(f"{PAGE}/")
        if scope["type"] != "http" or not own:
            await self.app(scope, receive, send)
            return
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if path == "/favicon.ico":
            await Response(status_code=204)(scope, receive, send)  # there is none; browsers ask all the same
            return
        if path in ("/", PAGE):
            answer = RedirectResponse(f"{scope.get('root_path', '')}{PAGE}/") if method == "GET" else _not_found()
            await answer(scope, receive, send)
            return
        inside = path.removeprefix(PAGE)
        if method not in ALLOWED or not ALLOWED[method].fullmatch(inside) or not _is_own_file(inside):
            await _not_found()(scope, receive, send)
        elif STREAMS.fullmatch(inside):
            await self._until_stopped(scope, receive, _with_headers(send))
        else:
            await self.app(scope, receive, _with_headers(send))

    async def _until_stopped(self, scope, receive, send):
        """A stream may have no end of its own, and a server that is told to stop waits for all."""
        stopping, open_answer = scope.get("state", {}).get(STOPPING, lambda: False), False

        async def noted(message):
            nonlocal open_answer
            open_answer = message["type"] == "http.response.start" or message.get("more_body", False)
            await send(message)

        work = asyncio.ensure_future(self.app(scope, receive, noted))
        try:
            while not work.done() and not stopping():
                await asyncio.wait({work}, timeout=LOOK_SECONDS)
            if work.done():
                work.result()
                return
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
        if open_answer:  # some streams end their answers themselves when they are cancelled
            await send({"type": "http.response.body", "body": b""})


def _is_own_file(inside):
    _, asked, place = inside.partition("/gradio_api/file=")
    return not asked or is_own(place) and is_own(unquote(place))


def _not_found():
    return JSONResponse({"detail": "Not Found"}, 404)


def _with_headers(send):
    async def sent(message):
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return sent
