"""The page in a real browser: a photo, two models, a camera; slow answers, closed tabs, bad files, a phone, a keyboard.
Whatever happens, the browser asks nobody but this machine."""

import re
import time
from types import SimpleNamespace

import numpy as np
import pytest
from browser import LAN, RATE, number_of, opened, playwright, watched
from describe.described import LABELS, save_models, write_photo
from served import SIZE, encoded, make_photo, saved, saved_index

from fashion_tf.serving import Limits, Service, running

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect
NAMES = ("red thing", "blue thing")


def save_seeing(folder):
    """A classifier that says whether there is more red or more blue, with a convolution, and so a map."""
    import keras

    from fashion_tf.predictor import save_predictor

    pictures = keras.Input((*SIZE, 3))
    x = keras.layers.Conv2D(2, 1, activation="relu")(keras.layers.Rescaling(1 / 255)(pictures))
    model = keras.Model(pictures, keras.layers.Dense(2, activation="softmax")(
        keras.layers.GlobalAveragePooling2D()(x)))
    model.set_weights([np.array([[1, -1], [0, 0], [-1, 1]], np.float32).reshape(1, 1, 3, 2), np.zeros(2),
                       20 * np.eye(2), np.zeros(2)])
    return save_predictor(folder, model, NAMES, SIZE, about={"dataset": "two colours"})


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    made = save_models(folder)
    found = Service([save_seeing(folder / "seeing"), saved()["others"], made["parser"]], saved_index(),
                    stylizer="statistics", types=made["types"], styles=made["styles"])
    found.load()
    return found


@pytest.fixture(scope="module")
def address(service):
    with running(service, Limits(body_bytes=2 << 20), page=True) as found:
        yield found


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture
def visit(browser, address):
    """Opens the page; at the end nothing may have been asked of another machine."""
    problems, pages = [], []

    def visited(where=None, **options):
        page = watched(browser, problems, **options)
        pages.append(page)
        page.goto(f"{where or address}/")
        expect(page.get_by_role("heading", name="fashion_tf")).to_be_visible()
        return page

    yield visited
    for page in pages:
        page.context.close()
    assert problems == []


def photo(name="photo.png", seed=0, size=(60, 40)):
    """A file as it is dropped; seed 0 is reddish at its left, 2 bluish."""
    return {"name": name, "mimeType": "image/png", "buffer": encoded(make_photo(seed, size))}


def give(page, file, to="#photo"):
    page.locator(f"{to} input[type=file]").set_input_files(file)


def tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def pixels(image):
    """What an <img> shows, uint8 (height, width, 3)."""
    found = image.evaluate("""async image => {
        await image.decode();
        const canvas = document.createElement("canvas");
        canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
        const pen = canvas.getContext("2d");
        pen.drawImage(image, 0, 0);
        return [canvas.height, canvas.width, [...pen.getImageData(0, 0, canvas.width, canvas.height).data]];
    }""")
    return np.array(found[2], np.uint8).reshape(found[0], found[1], 4)[..., :3]


def test_a_photo_is_classified_and_shows_where_the_model_looked(visit):
    page = visit()
    give(page, photo())
    expect(page.get_by_test_id("label-output-value").first).to_have_text(re.compile("red thing"))
    seen = page.get_by_role("img", name="The photo, coloured where it speaks for the label").first
    expect(seen).to_be_visible()
    shown = pixels(seen).astype(int)
    change = np.abs(shown - make_photo(0).astype(int)).sum(-1)
    assert shown.shape == (60, 40, 3) and change[:, :18].mean() > 3 * change[:, 22:].mean()  # red is on the left
    assert "two colours" in page.get_by_label("About this model").input_value()
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="others").click()  # which has no convolution
    expect(page.get_by_role("status").filter(has_text="no convolution")).to_be_visible()
    expect(page.get_by_test_id("label-output-value").first).to_have_text(re.compile("[xyz]"))


def test_two_models_are_compared_and_photos_searched_parsed_and_changed(visit):
    page = visit()
    give(page, photo(seed=2))
    tab(page, "Compare")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("status").filter(has_text="They differ: seeing says blue thing")).to_be_visible()
    tab(page, "Similar")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text(re.compile(r"^blue shoe \(1\.00\)$")).first).to_be_visible()
    tab(page, "Parse")
    page.get_by_role("button", name="Parse").click()
    expect(page.get_by_test_id("label-output-value").filter(visible=True)).to_have_text(re.compile("|".join(LABELS)))
    tab(page, "Stylise")
    give(page, photo("painting.png", 1), "#painting")
    page.get_by_role("button", name="Change").click()
    said = re.compile(r"\d+% of the photo's pixels are new")
    expect(page.get_by_role("status").filter(has_text=said)).to_be_visible()
    expect(page.get_by_role("img", name="The photo after the change")).to_be_visible()


def test_somebody_is_described_and_a_garment_gets_another_colour(visit, tmp_path):
    page, (path, _) = visit(), write_photo(tmp_path / "street.png")
    give(page, path)
    tab(page, "Describe")
    page.get_by_role("button", name="Describe").click()
    said = page.get_by_role("status").filter(has_text=re.compile(r"jacket/blazer: coat \(\d+%\); pants/jeans: jeans"))
    expect(said).to_be_visible()
    expect(page.get_by_role("img", name="The photo with a box around each garment, and its name")).to_be_visible()
    tab(page, "Stylise")
    page.get_by_label("What is changed").click()
    page.get_by_role("option", name="jacket", exact=True).click()
    page.get_by_label("Its new colour").fill("green")
    page.get_by_role("button", name="Change").click()
    image = page.get_by_role("img", name="The photo after the change")
    expect(image).to_be_visible()
    shown = pixels(image).astype(int)
    assert shown.shape == (96, 64, 3)
    assert (shown[30:45, 20:44].argmax(-1) == 1).mean() > 0.9  # the red jacket is green
    assert (shown[60:90, 22:42] == [30, 30, 200]).all()  # the blue jeans are what they were


def test_with_a_key_the_browser_asks_for_a_password(service, browser):
    problems = []
    with running(service, api_key="correct horse", page=True) as guarded:
        page = watched(browser, problems, http_credentials={"username": "", "password": "correct horse"})
        page.goto(f"{guarded}/")
        give(page, photo())
        expect(page.get_by_test_id("label-output-value").first).to_have_text(re.compile("red thing"))
        page.context.close()
    assert problems == []


@pytest.mark.parametrize("name, content, message", [
    ("a.png", b"a coat", "not a JPEG, PNG"),
    ("b.png", encoded(make_photo())[:900], "The photo: .*(damaged|cut off)"),
    ("c.gif", b"GIF89a" + 2 * (30_000).to_bytes(2, "little") + bytes(3) + b"," + bytes(4)
     + 2 * (30_000).to_bytes(2, "little") + b"\0\2\2D\1\0;", "pixels are refused")])
def test_a_bad_file_is_a_sentence(visit, name, content, message):
    page = visit()
    give(page, {"name": name, "mimeType": f"image/{name[-3:]}", "buffer": content})
    expect(page.get_by_role("alert").filter(has_text=re.compile(message)).first).to_be_visible()
    page.get_by_role("button", name="Remove Image").click()
    give(page, photo())
    expect(page.get_by_test_id("label-output-value").first).to_have_text(re.compile("red thing"))


def test_a_file_that_is_too_large_is_a_sentence_and_not_sent(visit):
    page, sent = visit(), []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    give(page, {"name": "large.png", "mimeType": "image/png", "buffer": encoded(make_photo()) + bytes(2 << 20)})
    expect(page.get_by_text(re.compile("exceed the maximum allowed size of 1.9 Mb")).first).to_be_visible()
    assert not sent


def begin(page):
    """Starts the camera and its stream."""
    tab(page, "Live")
    page.locator("#camera").get_by_role("button").first.click()  # asks for the camera
    page.locator("#camera").get_by_text("Record").click()


@pytest.fixture
def camera():
    from fashion_tf.serving.page import camera

    return camera


@pytest.fixture
def frames(camera, monkeypatch):
    """What the camera's handler got: (when, the frame), and how long it is to take."""
    seen, step = SimpleNamespace(frames=[], seconds=0.0), camera.Viewer.step

    def noted(viewer, image):
        seen.frames.append((time.monotonic(), image))
        time.sleep(seen.seconds)
        return step(viewer, image)

    monkeypatch.setattr(camera.Viewer, "step", noted)
    return seen


def wait_until(page, condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert condition()


def test_the_camera_is_recognised_and_not_mirrored(visit, frames):
    page = visit()
    begin(page)
    expect(page.get_by_role("status").filter(has_text=re.compile(r"^1: (red|blue) thing$"))).to_be_visible()
    wait_until(page, lambda: len(frames.frames) > 5)
    video = page.locator("#camera video")
    assert video.evaluate("video => getComputedStyle(video).transform") == "matrix(-1, 0, 0, 1, 0, 0)"
    image = frames.frames[-1][1].astype(int)
    assert image.shape == (480, 640, 3)
    left, right = image[:400, :320].mean((0, 1)), image[:400, 320:].mean((0, 1))
    assert left[0] - left[2] > right[0] - right[2] + 60  # red is on the film's left, and stays there
    assert 0 <= number_of(frames.frames[-1][1]) < 256
    shown = page.get_by_role("img", name="The camera's picture with boxes and labels")
    expect(shown).to_be_visible()


def test_an_answer_slower_than_the_camera_never_falls_behind(visit, frames, camera):
    page = visit()
    begin(page)
    wait_until(page, lambda: len(frames.frames) >= 10)
    quick = len(frames.frames)
    frames.seconds = 0.8
    wait_until(page, lambda: len(frames.frames) >= quick + 20, 60)
    frames.seconds = 0.0
    turns, numbers = 0, []
    for _, image in frames.frames:
        number = number_of(image)
        turns += bool(numbers) and number + 256 * turns < numbers[-1] - 128
        numbers.append(number + 256 * turns)
    late = np.array([when for when, _ in frames.frames]) - np.array(numbers) / RATE
    age = late - late[:quick].min()  # seconds more than the freshest of the quick ones
    # A queue with a frame each 0.2 s would fall behind by 0.6 s with each slow answer, on a busy machine by more.
    slow = frames.frames[quick:]
    queue = slow[-1][0] - slow[0][0] - camera.EVERY_SECONDS * (len(slow) - 1)
    assert age[-3:].mean() < queue / 2, (queue, np.round(age, 2))
    assert (np.diff(numbers) >= 0).all()  # on a busy machine the browser shows, and sends, a frame twice
    # What came meanwhile was left out; one after the other, they would lie 0.2 s apart.
    assert np.diff(numbers)[quick + 1:].mean() > 2 * camera.EVERY_SECONDS * RATE


def test_a_stream_joins_again_after_its_time(visit, frames, camera, monkeypatch):
    page = visit()
    joined = []
    page.on("request", lambda request: joined.append(request.url) if "/queue/join" in request.url else None)
    frames.seconds = 0.3
    streams = [function for function in page_functions()
               if function.connection == "stream" and function.time_limit == camera.STREAM_SECONDS]
    assert streams  # pages of other tests, with other times, may still be in memory
    for stream in streams:
        monkeypatch.setattr(stream, "time_limit", 1.0)
    begin(page)
    wait_until(page, lambda: len(joined) >= 3, 20)
    before = len(frames.frames)
    wait_until(page, lambda: len(frames.frames) > before + 2)


def test_a_closed_tab_stops_the_work(visit, frames):
    page = visit()
    begin(page)
    wait_until(page, lambda: len(frames.frames) > 3)
    page.close()
    time.sleep(1.0)
    count = len(frames.frames)
    time.sleep(1.5)
    assert len(frames.frames) == count


def test_another_machine_without_https_is_told_why_there_is_no_camera(visit, address):
    page = visit(address.replace("127.0.0.1", LAN))
    tab(page, "Live")
    said = page.get_by_role("status").filter(has_text="browsers give a camera to https pages alone")
    expect(said).to_be_visible()
    page = visit()
    tab(page, "Live")
    said = page.get_by_role("status").filter(has_text="browsers give a camera to https pages alone")
    expect(page.get_by_text("Click to Access Webcam").filter(visible=True)).to_be_visible()
    assert not said.count()


def test_on_a_phone_nothing_is_cut_off(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    give(page, photo(size=(80, 60)))
    expect(page.get_by_test_id("label-output-value").first).to_have_text(re.compile("red thing"))
    for name in (None, "Compare", "Similar", "Parse", "Stylise", "Live"):
        if name is not None and page.get_by_role("tab", name=name, exact=True).count():
            tab(page, name)
        elif name is not None:  # a phone has not room for all
            page.get_by_role("button", name="More tabs").filter(visible=True).click()
            page.locator(".overflow-dropdown").filter(visible=True).get_by_text(name, exact=True).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_keyboard_reaches_everything(visit):
    page = visit()
    give(page, photo())
    expect(page.get_by_test_id("label-output-value").first).to_have_text(re.compile("red thing"))
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("""() => {
            const one = document.activeElement;
            return one.getAttribute("aria-label") || one.labels?.[0]?.innerText || one.innerText || one.tagName;
        }""").strip())
    for name in ("A photo", "Live", "Classify", "Model"):
        assert any(name in one for one in reached), (name, reached)
    assert "BODY" not in reached[:-15], reached
    page.get_by_role("tab", name="Compare", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Compare").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("status").filter(has_text=re.compile("They differ|Both say"))).to_be_visible()


def page_functions():
    """The functions of the pages that are, or were, served; nothing but Gradio's own application refers to them."""
    import gc

    import gradio as gr

    return [fn for blocks in gc.get_objects() if isinstance(blocks, gr.Blocks) and blocks.is_running
            for fn in blocks.fns.values()]
