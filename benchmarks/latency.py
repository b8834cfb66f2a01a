"""From a key press on `Number of classes (k)` to the new classes on the map, in a real browser on the sample scene.

Run: python benchmarks/latency.py [--rounds 3] [--pause 1.0]. Every value of k is visited once for each seed, so that
no answer has been asked for before, then once more, when each has been. The end is the moment the last class tile was
drawn, by the browser's own clock. Between presses somebody looks at the map for `--pause` seconds, in which the page
may make what the next step of the slider would ask for. Ends with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
from pathlib import Path

from common import browser_page, machine_words, server, verdict, wait_for_classes
from playwright.sync_api import Page, expect

TARGET_SECONDS = 0.35
SEEN_TARGET_SECONDS = 0.15
COMPUTE_TARGET_SECONDS = 0.6
UP_TO_DATE = re.compile(r"Up to date · .* in (?:less than )?([\d.]+) s")
K_LOW, K_HIGH = 5, 12
"""About the default of 8, to the values that people use."""


def press_and_wait(page: Page, key: str) -> tuple[float, float]:
    """Seconds from a press of an arrow key to the new classes, and the compute part as the page says it."""
    slider = page.get_by_role("slider", name="Number of classes (k)")
    slider.focus()
    before, _ = wait_for_classes(page, lambda token: True)
    pressed_ms = page.evaluate("performance.timeOrigin + performance.now()")
    page.keyboard.press(key)
    _, drawn_ms = wait_for_classes(page, lambda token: token != before)
    status = page.get_by_text(UP_TO_DATE).first
    expect(status).to_be_visible()
    return (drawn_ms - pressed_ms) / 1000, _seconds(status.inner_text())


def _seconds(words: str) -> float:
    found = UP_TO_DATE.search(words)
    if found is None:
        raise SystemExit(f"The page does not say how long it took, but: {words}")
    return float(found[1])


def settle(page: Page) -> None:
    """Wait until the page has finished everything of the last change."""
    expect(page.locator('[data-testid="stApp"]')).to_have_attribute("data-test-script-state", "notRunning")
    page.wait_for_timeout(300)


def set_seed(page: Page, seed: int) -> None:
    """Choose another seed, with which every k is new."""
    field = page.get_by_label("Seed", exact=True)
    if not field.is_visible():
        page.get_by_text("Advanced", exact=True).click()
    before, _ = wait_for_classes(page, lambda token: True)
    field.fill(str(seed))
    field.press("Enter")
    wait_for_classes(page, lambda token: token != before)


def go_to(page: Page, k: int) -> None:
    """Move the slider to a k one step at a time."""
    slider = page.get_by_role("slider", name="Number of classes (k)")
    while (now := int(slider.input_value())) != k:
        press_and_wait(page, "ArrowRight" if now < k else "ArrowLeft")
        settle(page)


def main() -> int:
    """Drive the page; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="seeds to go through; each gives 7 changes of k")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between a map and the next press")
    arguments = parser.parse_args()
    print(machine_words())
    new: list[float] = []
    seen: list[float] = []
    compute: list[float] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        server(Path(scratch) / "log.txt") as (url, _, _),
        browser_page() as page,
    ):
        page.goto(url)
        wait_for_classes(page, lambda token: True)
        settle(page)
        go_to(page, K_LOW)
        for seed in range(1, arguments.rounds + 1):
            set_seed(page, seed)
            settle(page)
            for key, seconds in (("ArrowRight", new), ("ArrowLeft", seen)):
                for _ in range(K_HIGH - K_LOW):
                    page.wait_for_timeout(1000 * arguments.pause)
                    waited, seconds_compute = press_and_wait(page, key)
                    settle(page)
                    seconds.append(waited)
                    if seconds is new:
                        compute.append(seconds_compute)
    print(f"{len(new)} changes of k, {K_LOW} to {K_HIGH}, and back; worst {max(new):.2f} s, back {max(seen):.2f} s")
    results = [
        verdict("from key press to classes on the map, median s", statistics.median(new), TARGET_SECONDS, ".2f"),
        verdict("where that k was seen before, median s", statistics.median(seen), SEEN_TARGET_SECONDS, ".2f"),
        verdict("compute, median s", statistics.median(compute), COMPUTE_TARGET_SECONDS, ".2f"),
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
