"""Addresses from strangers, asked politely and within bounds: of time, bytes, redirects, and hosts.

Most answer, some with nothing, some with a page, some never to the end; a few might lead into the user's own network.
So only public hosts are asked, each a few times at once at most, and left alone for as long as it asks (Retry-After).
"""

import asyncio
import random
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from urllib.request import getproxies

import fashion_tf

USER_AGENT = f"fashion_tf/{fashion_tf.__version__} (+https://github.com/fashion-tf/fashion_tf)"
AT_ONCE, AT_ONCE_FROM_A_HOST = 32, 8
SECONDS, SECONDS_TO_CONNECT = 60, 10  # for a whole answer, however it drips
TRIES = 4
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 120.0  # seconds; a host that asks for more is left alone until another run
MAXIMUM_REDIRECTS = 5
MAXIMUM_BYTES = 16 << 20  # of one photo
SILENT_IN_A_ROW, DEAD_IN_A_ROW = 20, 300  # photos of a host without one that came; then it is given up for this run
OPTED_OUT = {"noai", "noimageai", "noindex", "noimageindex", "none", "noml"}  # words of the header X-Robots-Tag
# What is wrong now, and not with the photo: a proxy without a password, a hurry, too many questions; and all from 500
# on, of which the networks before a host have numbers of their own.
BUSY = {407, 408, 425, 429}
PACKED = {"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd"}


class Dead(Exception):
    """No photo is to be had at this address: a reason in few words, and what it was exactly."""


class Unreached(Exception):
    """This time no photo came: a reason in few words."""


class _Busy(Exception):
    """The host asks to wait: the status, and for how many seconds, where it says so."""


class _Broken(Exception):
    """An answer ended before its end."""


class _Host:
    """What is known of a host: since when it fails, how long it wants to be left alone."""

    def __init__(self):
        self.places = asyncio.Semaphore(AT_ONCE_FROM_A_HOST)
        self.until, self.silent, self.dead, self.given_up = 0.0, 0, 0, False

    def pause(self, seconds):
        self.until = max(self.until, asyncio.get_running_loop().time() + seconds)

    async def ready(self):
        while (left := self.until - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)


class Asker:
    """Asks addresses; `given_up` says of which hosts it asks no more, and why.

    Example:
        >>> async with Asker() as asker:
        ...     content = await asker.content("https://example.org/1.jpg")
    """

    def __init__(self):
        self.given_up, self._hosts = {}, defaultdict(_Host)
        self._proxied = bool({"http", "https", "all"} & getproxies().keys())

    async def __aenter__(self):
        import httpx

        headers = {"User-Agent": USER_AGENT, "Accept": "image/*", "Accept-Encoding": "identity"}
        # No cookie is kept: hosts that set one for each photo would soon be sent more of them than they read.
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.AsyncClient(headers=headers, cookies=cookies,
                                         limits=httpx.Limits(max_connections=AT_ONCE),
                                         timeout=httpx.Timeout(SECONDS, connect=SECONDS_TO_CONNECT))
        return self

    async def __aexit__(self, *_):
        await self._client.aclose()

    async def content(self, url):
        """The bytes that an address answers with, over its redirects.

        Raises:
            Dead: No photo is to be had there.
            Unreached: None came this time; without a reason where its host was given up before.
        """
        address, seen = _checked(url), set()
        for _ in range(MAXIMUM_REDIRECTS + 1):
            if str(address) in seen:
                raise Dead("redirects in a circle", str(address))
            seen.add(str(address))
            location, content = await self._ask(address)
            if location is None:
                return content
            address = _checked(location, address)
        raise Dead(f"more than {MAXIMUM_REDIRECTS} redirects", str(address))

    def judge(self, url, dead=None):
        """Tells whether a photo came of an address, or the reason why it is dead: a host with nothing but dead ones is
        given up."""
        with suppress(Dead):
            address = _checked(url)
            host = self._hosts[_name(address)]
            host.dead = host.dead + 1 if dead else 0
            if host.dead >= DEAD_IN_A_ROW:
                self._give_up(address, f"{host.dead:,} addresses in a row were dead, the last with {dead}")

    def _give_up(self, address, why):
        self._hosts[_name(address)].given_up = True
        self.given_up.setdefault(_name(address), why)

    async def _ask(self, address):
        """(where it redirects to or None, the bytes); tried several times where that may help."""
        import httpx

        host, pause, broken = self._hosts[_name(address)], FIRST_PAUSE, 0
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                pause *= 2
            async with host.places:
                await host.ready()
                if host.given_up:
                    raise Unreached()  # said once, for the host
                try:
                    async with asyncio.timeout(SECONDS):
                        answer = await self._answer(address)
                    host.silent = 0
                    return answer
                except Dead:
                    host.silent = 0
                    raise
                except _Broken:
                    why, broken = "answer breaks off", broken + 1
                except _Busy as busy:
                    status, seconds = busy.args
                    why = f"HTTP {status}"
                    if seconds is not None and seconds > LONGEST_PAUSE:
                        self._give_up(address, f"it asks to be left alone for {seconds:,.0f} seconds")
                        raise Unreached(why) from None
                    if seconds is not None or status in (429, 503):  # others concern this address alone
                        host.pause(pause if seconds is None else seconds)
                except ValueError as error:  # httpx looks by itself where a redirect leads
                    raise Dead("no address", str(error)) from None
                except (TimeoutError, httpx.TimeoutException):
                    why = "too slow"
                    if attempt:  # a second try is enough: each lasts long
                        break
                except httpx.TransportError:
                    why = "no connection"
        if broken == TRIES:
            raise Dead(why, "each time it was asked")
        host.silent += 1
        if host.silent >= SILENT_IN_A_ROW:
            self._give_up(address, f"{host.silent} photos in a row did not come, the last: {why}")
        raise Unreached(why)

    async def _answer(self, address):
        import httpx

        async with self._client.stream("GET", address, extensions={"trace": self._check_peer}) as response:
            status, headers = response.status_code, response.headers
            if status in (301, 302, 303, 307, 308) and "location" in headers:
                return headers["location"], None
            if status in BUSY or status >= 500:
                raise _Busy(status, _seconds(headers.get("retry-after"), headers.get("date")))
            if status != 200:
                raise Dead(f"HTTP {status}", "")
            if OPTED_OUT & _words(headers.get("x-robots-tag", "")):
                raise Dead("its owner opts out", f"X-Robots-Tag: {headers['x-robots-tag']}")
            # Stores of files send empty or invented words here ("UTF-8", "none", "aws-chunked"), which pack nothing.
            if PACKED & set(headers.get("content-encoding", "").lower().replace(",", " ").split()):
                raise Dead("packed", f"sent as {headers['content-encoding']}, which was not asked for")
            announced, content = headers.get("content-length", ""), bytearray()
            if announced.isdigit() and int(announced[:18]) > MAXIMUM_BYTES:
                raise Dead("too large", f"announces {announced[:18]} bytes")
            try:
                async for part in response.aiter_raw():
                    content += part
                    if len(content) > MAXIMUM_BYTES:
                        raise Dead("too large", f"more than {MAXIMUM_BYTES:,} bytes")
            except httpx.RemoteProtocolError:
                raise _Broken() from None
            return None, bytes(content)

    async def _check_peer(self, event, values):
        """Whoever answers is known once a connection stands, before anything is sent: a name may lead anywhere, and
        elsewhere the second time it is looked up. Behind a proxy the peer is the proxy, which has rules of its own."""
        if event == "connection.connect_tcp.complete" and not self._proxied:
            stream = values["return_value"]
            peer = stream.get_extra_info("server_addr")[0]
            if not is_public(peer):
                await stream.aclose()
                raise Dead("not a public host", f"its name leads to {peer}")


def _name(address):
    return address.netloc.decode("ascii")


def _checked(url, base=None):
    """The address as an httpx.URL, relative to another where it is one."""
    import httpx

    try:
        url = url.strip() if isinstance(url, str) else url  # as browsers do: lists have blanks and ends of lines
        address = httpx.URL(url) if base is None else base.join(url)
        host, port = address.host, address.port  # a host is spelt out only here, and may prove to be none
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise Dead("no address", str(error)) from None
    if address.scheme not in ("http", "https") or not host:
        raise Dead("not http or https", str(address))
    if port is not None and not 0 < port < 1 << 16:
        raise Dead("no address", f"there is no port {port}")
    with suppress(ValueError):  # a name: see _check_peer
        if not is_public(host):
            raise Dead("not a public host", str(address))
    return address.copy_with(fragment=None)


def is_public(address):
    """Whether an IP address, as text, is one of the public internet's.

    Raises:
        ValueError: It is none, but a name.
    """
    address = ip_address(address)
    if address.version == 6:  # IPv4 in other clothes
        address = address.ipv4_mapped or address.sixtofour or address
    return address.is_global and not address.is_multicast


def _words(robots):
    """The words of an X-Robots-Tag, for whichever robot; "max-image-preview: none" is about the size of previews."""
    parts = (part.strip() for part in robots.lower().split(","))
    return {word for part in parts if not part.startswith(("max-", "unavailable_after"))
            for word in part.replace(":", " ").split()}


def _seconds(text, date=None):
    """What a Retry-After header says, in seconds from now; None where it says nothing that can be read. A moment is
    held against the answer's own date, for the clock here may be wrong."""
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    moment = _moment(text)
    return moment and max((moment - (_moment(date) or datetime.now(UTC))).total_seconds(), 0.0)


def _moment(text):
    """The moment that a header names; None where it names none."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
