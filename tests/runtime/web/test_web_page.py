"""The page in a real browser: it hears, it recovers, and it says what is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(180)

Open = Callable[..., Any]
WATCH = """
() => {
  // When the sound was last loud at the microphone, by the clock on the wall; and when its event came into the list.
  const seen = { lastLoudMs: null, shownMs: {} };
  const take = page.level.take.bind(page.level);
  page.level.take = (samples) => {
    if (samples.some((x) => Math.abs(x) > 0.1)) seen.lastLoudMs = performance.now();
    take(samples);
  };
  new MutationObserver(() => {
    for (const item of document.querySelectorAll("#events li")) {
      seen.shownMs[item.dataset.label] ??= performance.now();
      if (item.dataset.label === "low") seen.lowEndMs ??= item.classList.contains("on") ? null : seen.lastLoudMs;
    }
  }).observe(document.getElementById("events"), { childList: true, subtree: true, attributes: true });
  globalThis.seen = seen;
}
"""


def says(page: Any, words: str) -> None:
    """Waits until the status line holds these words."""
    from playwright.sync_api import expect

    expect(page.locator("#status")).to_contain_text(words, timeout=30_000)


def start(page: Any) -> None:
    page.get_by_role("button", name="Start listening").click()
    says(page, "Listening (")


def scores_come(page: Any) -> None:
    page.locator("#side", has_text="ms for each second of audio").wait_for()


def event_lines(page: Any, label: str) -> Any:
    return page.locator(f'#events li[data-label="{label}"]')


@pytest.mark.parametrize("on_device", [False, True], ids=["server", "page"])
def test_event_appears_within_a_second_of_the_sounds_end(
    open_page: Open, server: Any, screenshots: Path, on_device: bool
) -> None:
    page = open_page(server.url, color_scheme="dark" if on_device else "light")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    if on_device:
        page.get_by_role("switch", name="On this device").check()
    page.evaluate(WATCH)
    start(page)
    event_lines(page, "low").locator("visible=true").first.wait_for()
    page.wait_for_selector('#events li[data-label="low"]:not(.on)')  # told at its onset, completed at its end
    seen = page.evaluate("seen")
    assert seen["shownMs"]["low"] - seen["lowEndMs"] < 1000
    event_lines(page, "high").first.wait_for()
    page.screenshot(path=screenshots / ("page_dark.png" if on_device else "server_light.png"), full_page=True)
    side = page.locator("#side").inner_text()
    assert ("This device computes" if on_device else "The server computes") in side
    assert " ms for each second of audio" in side
    assert on_device != any("/blocks/" in url for url in asked)  # on this device, no audio leaves the page
    assert all(url.startswith((server.url, "blob:" + server.url)) for url in asked)
    page.get_by_role("button", name="Stop").click()
    says(page, "Stopped.")


def test_killed_server_comes_back_and_the_page_goes_on(open_page: Open, serve: Open, tiny_model: Path) -> None:
    with serve(tiny_model) as server:
        page = open_page(server.url)
        start(page)
        event_lines(page, "low").first.wait_for()
        server.kill()
        says(page, "The server does not answer. Trying again")
        before = page.locator("#events li").count()
        server.start()
        says(page, "Listening (")
        page.locator("#events li").nth(before).wait_for()
        onsets = page.eval_on_selector_all("#events li", "items => items.map((i) => Number(i.dataset.onsetSeconds))")
        assert onsets == sorted(onsets, reverse=True)  # the page's clock went on
        assert len(set(onsets)) == len(onsets)


def test_a_server_that_is_gone_for_good_leaves_words_and_a_page_that_still_runs(
    open_page: Open, serve: Open, tiny_model: Path
) -> None:
    with serve(tiny_model) as server:
        page = open_page(server.url)
        page.get_by_role("switch", name="On this device").check()
        start(page)
        scores_come(page)  # the model is here now
        server.kill()
        event_lines(page, "low").first.wait_for()
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("switch", name="On this device").uncheck()
        page.get_by_role("button", name="Start listening").click()
        says(page, "the server does not answer. Press Start again.")
        server.start()
        start(page)


def test_another_model_behind_the_same_address_is_noticed(
    open_page: Open, serve: Open, tiny_model: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "model.onnx"
    copy.write_bytes(tiny_model.read_bytes())
    with serve(copy) as server:
        page = open_page(server.url)
        start(page)
        scores_come(page)
        server.kill()
        copy.write_bytes(tiny_model.read_bytes().replace(b"CC0-1.0", b"CC0-1.1"))
        server.start()
        says(page, "The server now has another model. Reload the page.")
        assert page.get_by_role("button", name="Start listening").is_enabled()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        pytest.param((), "No microphone was found.", id="no microphone"),
        pytest.param(("--use-fake-device-for-media-stream",), "The browser refuses the microphone.", id="refused"),
    ],
)
def test_missing_and_refused_microphones_are_told_in_words(
    launch: Open, open_page: Open, server: Any, flags: tuple[str, ...], words: str
) -> None:
    with launch(*flags) as browser:
        page = open_page(server.url, in_browser=browser)
        for _ in range(2):  # and it can be tried again
            page.get_by_role("button", name="Start listening").click()
            says(page, words)


def test_a_microphone_that_is_pulled_out_is_told(open_page: Open, server: Any) -> None:
    page = open_page(server.url)
    start(page)
    page.evaluate("page.live.microphone.stream.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    says(page, "The microphone is gone.")
    start(page)


def test_another_machine_needs_https_and_the_token(
    launch: Open, open_page: Open, serve: Open, tiny_model: Path, two_tones: Callable[[int], Path], tmp_path: Path
) -> None:
    """The browser believes that demo.example is a machine of its own."""
    flags = ("--host-resolver-rules=MAP demo.example 127.0.0.1", "--use-fake-device-for-media-stream")
    with launch(*flags, "--use-fake-ui-for-media-stream") as browser:
        with serve(tiny_model, "--public") as server:
            address, token = server.url.split("#")
            page = open_page(f"http://demo.example:{server.port}/#{token}", in_browser=browser)
            page.get_by_role("button", name="Start listening").click()
            says(page, "Start the server with --tls self")
            page.set_input_files("#file", two_tones(16000))  # a recording can be opened all the same
            says(page, "2 events")
            stranger = browser.new_page()
            stranger.goto(address.replace("127.0.0.1", "demo.example"))
            says(stranger, "The token is missing or wrong.")
        with serve(tiny_model, "--public", "--tls", "self", XDG_CACHE_HOME=str(tmp_path)) as server:
            url = f"https://demo.example:{server.port}/#{server.url.split('#')[1]}"
            page = open_page(url, in_browser=browser, ignore_https_errors=True)
            assert "token" not in page.url
            start(page)
            scores_come(page)
        key = next(tmp_path.rglob("key.pem"))
        assert key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("on_device", [False, True], ids=["server", "page"])
def test_recordings_are_shown_whole_and_thresholds_move_their_events(
    open_page: Open, server: Any, two_tones: Callable[[int], Path], screenshots: Path, tmp_path: Path, on_device: bool
) -> None:
    page = open_page(server.url)
    if on_device:
        page.get_by_role("switch", name="On this device").check()
    page.set_input_files("#file", two_tones(44100))
    says(page, "8.0 s, 2 events.")
    events = page.locator("#events")
    before = events.inner_text()
    assert page.locator("#events li").count() == 2
    slider = page.get_by_role("slider", name="threshold of low")
    slider.focus()
    page.keyboard.press("Home")  # the lowest threshold: the sound's tail counts too
    assert slider.input_value() == "0.05"
    assert events.inner_text() != before
    page.get_by_role("button", name="threshold of low back to 0.50").click()
    assert events.inner_text() == before
    page.screenshot(path=screenshots / "recording.png", full_page=True)
    wrong = tmp_path / "notes.txt"
    wrong.write_text("no audio at all")
    page.set_input_files("#file", wrong)
    says(page, "not a recording")


def test_page_fits_a_phone_and_answers_the_keyboard(open_page: Open, server: Any, screenshots: Path) -> None:
    phone = {"width": 390, "height": 844}
    page = open_page(server.url, viewport=phone, device_scale_factor=2, has_touch=True, is_mobile=True)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "start"
    page.keyboard.press("Enter")
    says(page, "Listening (")
    event_lines(page, "low").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= phone["width"]
    page.screenshot(path=screenshots / "phone.png", full_page=True)
    small = page.eval_on_selector_all(
        "button:not([hidden]), label.switch, input[type=range]",
        "all => all.filter((e) => e.offsetParent && e.getBoundingClientRect().height < 32).map((e) => e.outerHTML)",
    )
    assert small == []  # fingers need some room


def test_a_server_that_records_says_so(open_page: Open, serve: Open, tiny_model: Path, tmp_path: Path) -> None:
    with serve(tiny_model, "--record", str(tmp_path / "kept")) as server:
        page = open_page(server.url)
        assert "STORES" in page.locator("#privacy").inner_text()
        start(page)
        scores_come(page)
        page.get_by_role("button", name="Stop").click()
        deadline = time.monotonic() + 20
        while not list((tmp_path / "kept").glob("visitor-*.wav")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
