"""What ``fashion-tf serve`` does: the application behind uvicorn, on a socket of its own."""

import contextlib
import logging
import os
import socket
import sys

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from fashion_tf.errors import ServiceError

from .app import create_app
from .bounds import Limits
from .models import Service

KEY_VARIABLE = "FASHION_TF_API_KEY"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(models, index=None, host="127.0.0.1", port=8000, origins=(), limits=None):
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

    Raises:
        ServiceError: Nothing to serve, an empty key, or the address cannot be had.
        DataError: A model cannot be loaded.
    """
    limits = limits or Limits()
    service = Service(models, index)
    key = os.environ.get(KEY_VARIABLE)
    if key is not None and not key.strip():
        raise ServiceError(f"The environment variable {KEY_VARIABLE} is empty: give a key, or unset it.")
    try:
        listening = socket.create_server((host, port), backlog=limits.connections,
                                         family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise ServiceError(f"{host}:{port} cannot be listened on ({getattr(error, 'strerror', None) or error}); choose "
                           "another --host or --port.") from None
    if host not in LOOPBACK and key is None:
        print(f"fashion-tf: whoever reaches {host} can use this service: set {KEY_VARIABLE}.", file=sys.stderr)
    server = bounded_server(create_app(service, limits, key, origins), limits)
    service.when_failed = lambda failure: setattr(server, "should_exit", True)
    shown = f"[{host}]" if ":" in host else host
    print(f"fashion-tf: http://{shown}:{listening.getsockname()[1]} (how to ask: /docs)", file=sys.stderr, flush=True)
    with listening, _access_log():
        server.run(sockets=[listening])
    if service.failure is not None:
        raise service.failure


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
    return uvicorn.Server(uvicorn.Config(
        application, http=_bounded_protocol(limits), ws="none", lifespan="on", access_log=False, log_config=None,
        log_level="warning", server_header=False, proxy_headers=False, limit_concurrency=limits.connections,
        timeout_graceful_shutdown=limits.stop_seconds))


def _bounded_protocol(limits):
    """uvicorn's HTTP protocol, with a bound on the time that a connection may take to begin a request: its own
    bound ends with the first byte."""

    class BoundedProtocol(H11Protocol):
        _clock = None

        def connection_made(self, transport):
            super().connection_made(transport)
            self._start_clock()

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
