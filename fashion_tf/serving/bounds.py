"""What stands before the application: bounds on a request's body, a key, and a log. Plain ASGI.

From outside inwards: `AccessLog`, CORS (Starlette's), `Bounds`, `Key`, then the application. A body is counted
before anybody asks for a key, and a request without the key is answered before its body is read.
"""

import asyncio
import base64
import binascii
import hmac
import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

KEY_HEADER = "X-API-Key"
RETRY_SECONDS = "1"
CONNECTIONS = "fashion_tf connections"  # in a scope's state: the server's open connections
PAGE = "/page"  # where people ask
STOPPING = "fashion_tf stopping"  # in a scope's state: a function that says whether the server is told to stop
OPEN = ("/livez", "/readyz", "/docs", "/openapi.json")  # without a key: they tell of no model and compute nothing
_access, _log = logging.getLogger("fashion_tf.access"), logging.getLogger("fashion_tf.serving")


@dataclass(frozen=True)
class Limits:
    """What a request may cost.

    Attributes:
        body_bytes: Of a request's body, as it arrives.
        body_seconds: Until all of it is there.
        answer_seconds: For decoding a photo, and again for the model's answer.
        active: Requests that are worked on at a time.
        mask_pixels: Of a photo whose mask is wanted at its own size.
        connections: At a time, slow ones and idle ones included; beyond them requests are answered 503, and beyond
            twice as many connections are closed.
        head_seconds: Until a connection's next request has begun.
        drain_bytes, drain_seconds: What is read and thrown away of a body that is refused, so that its sender
            reads the answer instead of a broken connection.
        stop_seconds: For what was accepted, once the service is told to stop.
    """

    body_bytes: int = 16 << 20
    body_seconds: float = 30
    answer_seconds: float = 30
    active: int = 64
    mask_pixels: int = 1 << 24
    connections: int = 256
    head_seconds: float = 10
    drain_bytes: int = 64 << 20
    drain_seconds: float = 2
    stop_seconds: float = 60


class Bounds:
    """Counts a body as it arrives, chunked or not, and stops it where it is too large or too slow; refuses requests
    while there are too many connections."""

    def __init__(self, app, limits):
        self.app, self.limits = app, limits

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(dict(scope["headers"]), receive, send, self.limits)
        try:
            if len(scope.get("state", {}).get(CONNECTIONS, ())) > self.limits.connections:
                raise HTTPException(503, "Too many connections are open. Try again in a moment.",
                                    {"Retry-After": RETRY_SECONDS, "Connection": "close"})
            body.check_announced()
        except HTTPException as error:
            await _answer(error.status_code, error.detail, error.headers)(scope, body.receive, body.send)
            return
        await self.app(scope, body.receive, body.send)


class _Body:
    """One request's body: what was announced, and what has arrived."""

    def __init__(self, headers, receive, send, limits):
        self._receive, self._send, self.limits = receive, send, limits
        self.announced = headers.get(b"content-length", b"0")
        self.complete = self.announced == b"0" and b"transfer-encoding" not in headers
        self.arrived, self.deadline = 0, asyncio.get_running_loop().time() + limits.body_seconds
        self.closing = False

    def check_announced(self):
        # The server has refused what is no number.
        if int(self.announced) > self.limits.body_bytes:
            raise self._too_large()

    def _too_large(self):
        return HTTPException(413, f"The request's body is larger than {self.limits.body_bytes:,} bytes.")

    async def receive(self):
        if self.complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self.deadline):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, f"The request's body took longer than {self.limits.body_seconds:g} "
                                     "seconds.") from None
        self.arrived += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        if self.arrived > self.limits.body_bytes:
            raise self._too_large()
        return message

    async def send(self, message):
        """Passes an answer on. One that comes before the whole body ends the connection, but not before its
        sender had a chance to read it."""
        if message["type"] == "http.response.start" and not self.complete:
            self.closing = True
            others = [header for header in message.get("headers", ()) if header[0].lower() != b"connection"]
            message = {**message, "headers": [*others, (b"connection", b"close")]}
        elif self.closing and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _drain(self):
        thrown = 0
        try:
            async with asyncio.timeout(self.limits.drain_seconds):
                while not self.complete and thrown < self.limits.drain_bytes:
                    message = await self._receive()
                    thrown += len(message.get("body", b""))
                    self.complete = not message.get("more_body", False)
        except TimeoutError:
            pass


class Key:
    """Refuses requests that do not bring the key; compared in constant time. Of the page the browser asks for it by
    itself, as a password (HTTP Basic, any name), since nobody can give a page's first request a header."""

    def __init__(self, app, key):
        self.app, self.key = app, key.encode()

    async def __call__(self, scope, receive, send):
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] == "http" and path not in OPEN:
            headers = dict(scope["headers"])
            if path == "/" or f"{path}/".startswith(f"{PAGE}/"):
                given, said = _password(headers), "The password is the service's key."
                scheme = 'Basic realm="fashion_tf"'
            else:
                given = headers.get(KEY_HEADER.lower().encode(), b"")
                said, scheme = f"Send the service's key in the header {KEY_HEADER}.", "ApiKey"
            if not hmac.compare_digest(given, self.key):
                await _answer(401, said, {"WWW-Authenticate": scheme})(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _password(headers):
    kind, _, encoded = headers.get(b"authorization", b"").partition(b" ")
    try:
        return base64.b64decode(encoded).partition(b":")[2] if kind.lower() == b"basic" else b""
    except binascii.Error:
        return b""


class AccessLog:
    """A line of JSON for each answered request, on the logger ``fashion_tf.access``. It names no photo and no key.

    What an application raises after its answer goes to the log ``fashion_tf.serving``: passed on, it would make the
    server cut the connection.
    """

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, arrived, sent, complete = time.perf_counter(), 500, 0, 0, False

        async def counted():
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            return message

        async def noted(message):
            nonlocal status, sent, complete
            status = message.get("status", status)
            sent += len(message.get("body", b""))
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self.app(scope, counted, noted)
        except Exception:
            if not complete:
                raise
            _log.exception("A request to %s failed", scope["path"])
        finally:
            _access.info(json.dumps({
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "client": (scope.get("client") or ("",))[0], "method": scope["method"], "path": scope["path"],
                "status": status, "milliseconds": round(1000 * (time.perf_counter() - began), 1),
                "bytes_in": arrived, "bytes_out": sent}))


def _answer(status, detail, headers=None):
    return JSONResponse({"detail": detail}, status, headers)
