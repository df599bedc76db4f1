"""A real browser in front of the page, with a camera that plays a drawn film."""

import contextlib
import importlib.util
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

if importlib.util.find_spec("gradio") is None:  # to import it takes seconds
    pytest.skip("Gradio is not installed (pip install 'fashion_tf[page]')", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (pip install playwright)")
playwright.expect.set_options(timeout=30_000)  # machines are busy

CHROMIUM = os.environ.get("FASHION_TF_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
RATE = 30  # frames a second: Chromium plays a file of JPEGs so
BITS, CELL = 8, 40  # of the frame's number, drawn as black and white squares of so many pixels
LAN = "elsewhere.example"  # another name of this machine: no secure context, as an address in the LAN


def chromium():
    """Where Chromium is; skips where it is not."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    return CHROMIUM


def film(path, frames=1 << BITS):
    """Writes a film for Chromium's camera: a person drawn by the wardrobe, the left half of the picture reddish and the
    right half bluish, each frame's number along the lower edge. The number's squares run from left to right."""
    import cv2

    from fashion_tf.wardrobe.clips import draw_clip

    drawn = draw_clip(np.random.default_rng(4), 16, (240, 320)).frames.astype(np.int16)
    drawn[:, :, :160, 0] += 60
    drawn[:, :, 160:, 2] += 60
    clip = [cv2.resize(frame, (640, 480)) for frame in np.clip(drawn, 0, 255).astype(np.uint8)]
    with open(path, "wb") as file:
        for number in range(frames):
            place = number // 4 % 32  # there and back
            frame = clip[min(place, 31 - place)].copy()
            for bit in range(BITS):
                frame[480 - CELL:, bit * CELL:(bit + 1) * CELL] = 255 * (number >> bit & 1)
            file.write(cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return path


def number_of(frame):
    """The number that is drawn on a frame of the film."""
    cells = [frame[480 - CELL + 10:470, bit * CELL + 10:(bit + 1) * CELL - 10].mean() for bit in range(BITS)]
    return sum((cell > 128) << bit for bit, cell in enumerate(cells))


@contextlib.contextmanager
def opened(folder):
    """A browser whose camera plays the film; no name but this machine's is known to it."""
    where, video = chromium(), film(Path(folder) / "film.mjpeg")
    arguments = ["--no-sandbox", "--no-proxy-server", "--use-fake-ui-for-media-stream",
                 "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={video}",
                 f"--host-resolver-rules=MAP {LAN} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=where, args=arguments)
        yield browser
        browser.close()


def watched(browser, problems, **options):
    """A new page; what it asks of other machines, and what it complains of, is added to `problems`."""
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}).new_page()
    page.set_default_timeout(30_000)

    def asked(request):
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname not in ("127.0.0.1", LAN):
            problems.append(f"asked {request.url[:200]}")

    def complained(message):
        if message.type == "error" and "Content Security Policy" in message.text:
            problems.append(message.text[:300])

    page.on("request", asked)
    page.on("console", complained)
    page.on("pageerror", lambda error: problems.append(str(error)[:300]))
    return page
