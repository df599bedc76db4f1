"""What ``fashion-tf serve`` does: the application behind uvicorn, on a socket of its own."""

import contextlib
import logging
import os
import socket
import sys
import threading
import time

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from fashion_tf.errors import ServiceError

from .app import create_app
from .bounds import CONNECTIONS, STOPPING, Limits
from .models import Service

KEY_VARIABLE = "FASHION_TF_API_KEY"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(models, index=None, host="127.0.0.1", port=8000, origins=(), limits=None, stylizer=None, types=None,
          styles=None, page=False):
    """Serves until it is told to stop (SIGINT or SIGTERM), then finishes what it accepted.

    The key that requests must bring is taken from the environment variable FASHION_TF_API_KEY. The access log
    goes to standard output, a line of JSON a request.

    Args:
        models: Folders of predictors.
        index: A folder of an index of photos, or None.
        host: The address to listen on; other machines reach the service only where it is none of this one's
            loopback.
        port: 0 takes a free one; standard error tells which.
        origins: As for `create_app`.
        limits: A `Limits`, or None for its defaults.
        stylizer, types, styles: As for `Service`.
        page: As for `create_app`; without Gradio a sentence says what it needs, and the rest is served.

    Raises:
        ServiceError: Nothing to serve, an empty key, or the address cannot be had.
        DataError: A model cannot be loaded.
    """
    limits = limits or Limits()
    service = Service(models, index, stylizer=stylizer, types=types, styles=styles)
    key = os.environ.get(KEY_VARIABLE)
    if key is not None and not key.strip():
        raise ServiceError(f"The environment variable {KEY_VARIABLE} is empty: give a key, or unset it.")
    try:
        listening = socket.create_server((host, port), backlog=limits.connections,
                                         family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise ServiceError(f"{host}:{port} cannot be listened on ({getattr(error, 'strerror', None) or error}); choose "
                           "another --host or --port.") from None
    with listening, _access_log():
        service.check_folders()
        page = page and _page_there()
        if host not in LOOPBACK and key is None:
            print(f"fashion-tf: whoever reaches {host} can use this service: set {KEY_VARIABLE}.", file=sys.stderr)
        server = bounded_server(create_app(service, limits, key, origins, page), limits)
        service.when_failed = lambda failure: setattr(server, "should_exit", True)
        shown = f"[{host}]" if ":" in host else host
        what = "the page; how programs ask: /docs" if page else "how to ask: /docs"
        print(f"fashion-tf: http://{shown}:{listening.getsockname()[1]} ({what})", file=sys.stderr, flush=True)
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn finishes, and raises again what told it to
            server.run(sockets=[listening])
    if service.failure is not None:
        raise service.failure


def _page_there():
    from .page import check_installed

    try:
        check_installed()
    except ServiceError as error:
        print(f"fashion-tf: {error}", file=sys.stderr)
        return False
    return True


@contextlib.contextmanager
def running(service, limits=None, api_key=None, origins=(), page=False):
    """Serves from a thread of this process, on a free port that only this machine reaches, until the block ends.

    What was accepted by then is finished. With the process the thread ends, too.

    Args:
        service, limits, api_key, origins, page: As for `create_app`.

    Yields:
        The address, such as ``"http://127.0.0.1:43210"``. The models may still be loading: ``/readyz`` tells.

    Raises:
        ServiceError: It does not start, or does not stop within the time that `Limits` gives it.

    Taught in: 35_deploy.ipynb
    """
    limits = limits or Limits()
    with socket.create_server((LOOPBACK[0], 0), backlog=limits.connections) as listening:
        server = bounded_server(create_app(service, limits, api_key, origins, page), limits)

        def run():
            with contextlib.suppress(SystemExit):  # uvicorn's end where it cannot start; it has logged why
                server.run(sockets=[listening])

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        while not server.started:
            if not thread.is_alive():
                raise ServiceError("The service does not start; its log says why.")
            time.sleep(0.01)
        try:
            yield f"http://{LOOPBACK[0]}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(limits.stop_seconds + 5)
    if thread.is_alive():
        raise ServiceError(f"The service does not stop: after {limits.stop_seconds:g} seconds it still answers.")


@contextlib.contextmanager
def _access_log():
    log, handler = logging.getLogger("fashion_tf.access"), logging.StreamHandler(sys.stdout)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)


def bounded_server(application, limits):
    """A `uvicorn.Server` for an application, its connections bounded in number and time."""
    server = uvicorn.Server(uvicorn.Config(
        application, http=_bounded_protocol(limits, lambda: server.should_exit), ws="none", lifespan="on",
        access_log=False, log_config=None, log_level="warning", server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=limits.stop_seconds))
    return server


def _bounded_protocol(limits, stopping):
    """uvicorn's HTTP protocol with two bounds more.

    On the time that a connection may take to begin a request: its own bound ends with the first byte. And on the
    number of connections: `Bounds` hears of it in the scope and answers, and far above it nothing is answered any
    more. Uvicorn's own answer to too many would be no JSON, and say neither when to come back nor, to a web page,
    anything.
    """

    class BoundedProtocol(H11Protocol):
        _clock = None

        def connection_made(self, transport):
            super().connection_made(transport)
            # asyncio does so only where a socket was made with the protocol's number, which create_server leaves out;
            # without it each answer's body waits 40 ms for the client to acknowledge its head.
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.app_state = {**self.app_state, CONNECTIONS: self.connections, STOPPING: stopping}
            self._start_clock()
            if len(self.connections) > 2 * limits.connections:
                transport.abort()

        def on_response_complete(self):
            super().on_response_complete()
            self._start_clock()

        def connection_lost(self, error):
            self._clock.cancel()
            super().connection_lost(error)

        def _start_clock(self):
            if self._clock is not None:
                self._clock.cancel()
            self._clock = self.loop.call_later(limits.head_seconds, self._check_clock)

        def _check_clock(self):
            if self.cycle is None or self.cycle.response_complete:
                self.timeout_keep_alive_handler()

    return BoundedProtocol
