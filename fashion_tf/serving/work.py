"""Work in threads for as long as somebody waits for it."""

import asyncio
import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

from .models import Busy


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Workers:
    """The threads of one application: some that decode, as many as there are cores, and some that wait for models.

    Args:
        limits: A `Limits`.
    """

    def __init__(self, limits):
        self.limits, self.active = limits, 0
        self.decoding = ThreadPoolExecutor(os.cpu_count(), "decode")
        self.waiting = ThreadPoolExecutor(limits.active, "wait")

    @contextlib.asynccontextmanager
    async def place(self):
        """One of the places for requests that are worked on; raises Busy at once where all are taken."""
        if self.active >= self.limits.active:
            raise Busy("Too many requests are being worked on. Try again in a moment.")
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1

    async def run(self, request, pool, function, *arguments):
        """Calls a function in a thread of a pool.

        What has not begun when the client gives up, or when its time is over, is never done.

        Raises:
            ClientGone: The client gave up.
            Busy: It took longer than the limits allow.
        """
        if await request.is_disconnected():
            raise ClientGone
        work = asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
        gone = asyncio.create_task(_gone(request))
        try:
            done, _ = await asyncio.wait({work, gone}, timeout=self.limits.answer_seconds,
                                         return_when=asyncio.FIRST_COMPLETED)
            if work in done:
                return work.result()
            raise ClientGone if done else Busy("The answer took too long. Try again in a moment.")
        finally:
            gone.cancel()
            if not work.cancel():
                work.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody asks for it

    def close(self):
        """Waits for what is being done."""
        for pool in (self.decoding, self.waiting):
            pool.shutdown(cancel_futures=True)


async def _gone(request):
    while (await request.receive())["type"] != "http.disconnect":
        pass
