"""Photos that a list names by their addresses: fetched many at once, each checked before it counts.

What an address answers (`addresses`) is bounded in bytes and pixels, and only what decodes as a picture is stored,
whole or not at all.
"""

import asyncio
import hashlib
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fashion_tf.datasets.addresses import AT_ONCE, Asker, Dead, Unreached
from fashion_tf.datasets.archives import disk_is_full
from fashion_tf.datasets.disk import as_size, free_space, require_space
from fashion_tf.datasets.files import check_inside
from fashion_tf.errors import DataError
from fashion_tf.files import write_atomically
from fashion_tf.terminal import count_of, counted

MINIMUM_SIDE = 32  # pixels; what is smaller counts visitors or stands for a photo that is gone
MANY_ALIKE = 10  # of one and the same picture, byte for byte
PHOTOS_TO_JUDGE_BY = 100  # from so many on, their mean size tells how much is still to come


@dataclass(frozen=True, slots=True)
class Photo:
    """Where a photo is had, and where it goes."""

    url: str
    path: str


@dataclass
class PhotosFetched:
    """What came of fetching photos.

    Attributes:
        wanted: How many were asked for, as far as so many are listed.
        before: How many of them were there already.
        fetched: How many came now.
        bytes: How many bytes those have.
        dead: Reason -> how many addresses proved dead now.
        dead_before: How many were known to be dead.
        unreached: Reason -> how many photos did not come this time and may come another time.
        given_up: Host -> why it was asked no more.
        list_of_dead: The file that lists dead addresses, a JSON value a line.
        alike: A photo -> how many are the very same picture, where that is many: a host may answer with one in
            the place of all that are gone.
    """

    wanted: int
    before: int
    list_of_dead: str
    dead_before: int = 0
    fetched: int = 0
    bytes: int = 0
    dead: Counter = field(default_factory=Counter)
    unreached: Counter = field(default_factory=Counter)
    given_up: dict = field(default_factory=dict)
    alike: dict = field(default_factory=dict)

    @property
    def there(self):
        return self.before + self.fetched

    @property
    def whole(self):
        """Whether another run would bring nothing more."""
        return self.there == self.wanted or not (self.unreached or self.given_up)

    def as_json(self):
        plain = {name: dict(value) if isinstance(value, dict) else value for name, value in vars(self).items()}
        return plain | {"there": self.there}

    def text(self):
        dead = self.dead.total() + self.dead_before
        lines = [f"{self.there:,} of {self.wanted:,} photos are there: {self.before:,} from before, {self.fetched:,} "
                 f"fetched ({as_size(self.bytes)})."]
        if dead:
            lines.append(f"Dead addresses: {dead:,} ({self.dead.total():,} found now{_counts(self.dead)}); the next of "
                         f"the class were taken instead, as far as there are. {self.list_of_dead} lists them; remove "
                         "it to have them tried again.")
        if self.unreached:
            lines.append(f"Not reached: {count_of(self.unreached.total(), 'photo')}{_counts(self.unreached)}.")
        lines += [f"{host}: asked no more in this run: {why}." for host, why in self.given_up.items()]
        lines += [f"{count:,} photos are the same picture as {path}, byte for byte. Look whether it is a photo, or "
                  "stands for photos that are gone." for path, count in self.alike.items()]
        if not self.whole:
            lines.append("Run it again later: what is there is kept, and the missing ones are asked for again.")
        return "\n".join(lines)


def _counts(reasons, most=6):
    shown = [f"{reason} {count:,}" for reason, count in reasons.most_common(most)]
    return f": {', '.join(shown)}{', ...' if len(reasons) > most else ''}" if shown else ""


def fetch_photos(classes, per_class, list_of_dead):
    """Fetches photos until there are enough of each class, the first of each list that can be had.

    It can be stopped, or killed, at any time and called again: photos that are there are kept, and addresses that
    proved dead are not asked again. One call at a time for the same files.

    Args:
        classes: Class -> its `Photo` s, in the order in which they are to be tried.
        per_class: How many of each class to have.
        list_of_dead: A file for the dead addresses, in the dataset's folder; made if need be, and added to.

    Returns:
        A `PhotosFetched`.

    Raises:
        DataError: The disk is full, or is going to be; nothing can be written there; photos would go out of the
            dataset's folder; or it is called where an event loop runs already, as in a notebook.
    """
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise DataError("Photos cannot be fetched from within a notebook. Run the command instead: !fashion-tf data "
                        "fetch NAME.")
    list_of_dead = Path(list_of_dead)
    try:
        files = {}
        for folder in {os.path.dirname(photo.path) for photos in classes.values() for photo in photos}:
            check_inside(folder, os.path.realpath(list_of_dead.parent))  # else no reader takes what comes
            files |= _clean(folder)
        dead = _read_dead(list_of_dead)
        queues, done, sizes = [], PhotosFetched(0, 0, str(list_of_dead)), {}
        for photos in classes.values():
            there = {photo.path: files[photo.path] for photo in photos if photo.path in files}
            left = [photo for photo in photos if photo.path not in files and (photo.path, photo.url) not in dead]
            wanted = min(per_class, len(photos))
            sizes |= there
            done.wanted += wanted
            done.before += min(len(there), wanted)
            done.dead_before += len(photos) - len(there) - len(left)
            queues.append(_Queue(max(wanted - len(there), 0), iter(left)))
        if missing := sum(queue.wanted for queue in queues):
            print(f"photos to fetch by their addresses: {missing:,} ({done.before:,} are there); "
                  f"{as_size(free_space(list_of_dead.parent))} are free.", flush=True)
            with open(list_of_dead, "a", encoding="utf-8") as file, counted(missing, "photos") as tick:
                _run(_Fetching(done, file, tick, sizes).all(queues))
        done.alike = _alike(sizes)
    except OSError as error:
        if disk_is_full(error):
            raise DataError(f"{list_of_dead.parent}: the disk is full. What came is kept; free some space, then run it "
                            "again.") from None
        raise DataError(f"{error.filename or list_of_dead}: cannot be written ({error.strerror}).") from None
    return done


def _run(coroutine):
    """`asyncio.run`, which ends all tasks in order before Ctrl-C goes on; so does SIGTERM here, where somebody handles
    it. Raised within whichever task has its turn, it would leave the others where they stand."""
    handler, came = signal.getsignal(signal.SIGTERM), []
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        asyncio.run(coroutine)
        return

    async def cancellable():
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def cancel(*signalled):
            came.append(signalled)
            task.cancel()
            loop.call_soon_threadsafe(int)  # wakes the loop, which may wait for the network

        signal.signal(signal.SIGTERM, cancel)
        await coroutine

    try:
        asyncio.run(cancellable())
    except asyncio.CancelledError:
        if not came:
            raise
    finally:
        signal.signal(signal.SIGTERM, handler)
    if came:
        handler(*came[0])


def _clean(folder):
    """Makes the folder, removes what a killed process left half written; path -> bytes of what it holds."""
    os.makedirs(folder, exist_ok=True)
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and entry.name.endswith(".part"):
                os.unlink(entry.path)
            elif entry.is_file() and (size := entry.stat().st_size):  # empty is what a crash of the system leaves
                found[entry.path] = size
    return found


def _alike(sizes):
    """A path -> how many files hold the same bytes, where these are many; of path -> bytes."""
    of_size, counts = Counter(sizes.values()), {}
    for path, size in sorted(sizes.items()):
        if of_size[size] >= MANY_ALIKE:
            first, count = counts.get(key := hashlib.sha256(Path(path).read_bytes()).digest(), (path, 0))
            counts[key] = first, count + 1
    return {first: count for first, count in counts.values() if count >= MANY_ALIKE}


def _read_dead(path):
    """(path, address) of each photo in the list. A line that a killed process cut off is taken out."""
    if not path.exists():
        return set()
    content = path.read_bytes()
    whole = content[:content.rfind(b"\n") + 1]
    if whole != content:
        write_atomically(path, whole)
    found = set()
    for number, line in enumerate(whole.decode("utf-8", "replace").splitlines(), 1):
        try:
            entry = json.loads(line)
            found.add((str(path.parent / entry["photo"]), entry["url"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise DataError(f"{path}, line {number}: is no entry of this list. Remove the file to have all addresses "
                            "tried again.") from None
    return found


@dataclass
class _Queue:
    """One class: how many photos nobody is after yet, and which are tried next."""

    wanted: int
    photos: Iterator[Photo]


class _Fetching:
    """One run, and what came of it so far."""

    def __init__(self, done, list_of_dead, tick, sizes):
        self.done, self.list_of_dead, self.tick, self.sizes = done, list_of_dead, tick, sizes
        self.folder = Path(done.list_of_dead).parent

    async def all(self, queues):
        self.places = asyncio.Semaphore(AT_ONCE)
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as self.threads:
            async with Asker() as self.asker:
                self.done.given_up = self.asker.given_up
                await asyncio.gather(*(self._serve(queue) for queue in queues
                                       for _ in range(min(queue.wanted, AT_ONCE))))

    async def _serve(self, queue):
        """Takes one wanted photo after the other upon itself, and tries addresses until one brings it: so of each
        list just the first that can be had are fetched, and none too many."""
        while queue.wanted:
            queue.wanted -= 1
            for photo in queue.photos:
                async with self.places:
                    came = await self._take(photo)
                if came:
                    break

    async def _take(self, photo):
        """Whether the photo came; counts what happened."""
        try:
            content = await self.asker.content(photo.url)
            await asyncio.get_running_loop().run_in_executor(self.threads, _store, content, photo.path)
        except Dead as error:
            kind, detail = error.args
            self.asker.judge(photo.url, dead=kind)
            self.done.dead[kind] += 1
            entry = {"photo": Path(photo.path).relative_to(self.folder).as_posix(), "url": photo.url,
                     "why": f"{kind}: {detail}" if detail else kind}
            self.list_of_dead.write(json.dumps(entry) + "\n")
            self.list_of_dead.flush()
            return False
        except Unreached as error:
            if error.args:
                self.done.unreached[error.args[0]] += 1
            return False
        self.asker.judge(photo.url)
        self.done.fetched += 1
        self.done.bytes += len(content)
        self.sizes[photo.path] = len(content)
        self._check_space()
        self.tick(1)
        return True

    def _check_space(self):
        count = len(self.sizes)
        if count < PHOTOS_TO_JUDGE_BY or count % PHOTOS_TO_JUDGE_BY:
            return
        left = self.done.wanted - self.done.there
        require_space(self.folder, left * sum(self.sizes.values()) // count,
                      f"the {left:,} photos still to come, by the mean of {count:,},")


def _store(content, path):
    """Writes a photo, if it is one: its cost is judged before it is decoded, and all of it is decoded once."""
    from fashion_tf.datasets.encoded import EncodedPicture

    try:
        picture = EncodedPicture(content, Path(path).name)
        height, width = picture.raster.stored
        if min(height, width) < MINIMUM_SIDE:
            raise DataError(f"{width} x {height} pixels are no photo")
        picture.shrink((64, 64))
        picture.decode()
    except DataError as error:
        raise Dead("no picture", str(error)) from None
    write_atomically(path, content)
