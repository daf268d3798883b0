"""Looks at the page of `pricetag demo` in a real Chromium, as somebody who opens it in the demo's first minute.

check.py PRICETAG CHROMIUM [FOLDER]: with a folder, its pictures are written there.
"""

import collections
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from decimal import Decimal

from chromium import Chromium

# A user who calls himself this must be seen, and must not run.
STRANGER = "<script>window.ran = true</script>" + "x" * 150
LISTS = ["user", "feature", "workflow", "tenant", "model", "tier"]


def main(pricetag, chromium, pictures=None):
    demo = subprocess.Popen(
        [pricetag, "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    browser = None
    try:
        admin, http = addresses(demo)
        # It must never wait for a reader.
        threading.Thread(target=lambda: collections.deque(demo.stdout, 0), daemon=True).start()
        browser = Chromium(chromium)
        look(browser, Demo(admin, http), pictures)
    finally:
        if browser:
            browser.close()
        demo.send_signal(signal.SIGTERM)
        try:
            demo.wait(20)
        except subprocess.TimeoutExpired:
            demo.kill()
    assert demo.returncode == 0, f"the demo left with {demo.returncode}"


class Demo:
    def __init__(self, admin, http):
        self.admin, self.http = admin, http

    def stranger(self):
        """One call of the user with the odd name, sent as an app would."""
        now = time.time_ns()
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 40_000_000,
            "user.id": STRANGER,
        }
        value = lambda it: {"intValue": str(it)} if isinstance(it, int) else {"stringValue": it}
        span = {
            "traceId": os.urandom(16).hex(),
            "spanId": os.urandom(8).hex(),
            "name": "chat gpt-4o",
            "kind": 3,
            "startTimeUnixNano": str(now - 10**9),
            "endTimeUnixNano": str(now),
            "attributes": [{"key": key, "value": value(it)} for key, it in attributes.items()],
        }
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
        request = urllib.request.Request(f"http://{self.http}/v1/traces", body, {"content-type": "application/json"})
        assert urllib.request.urlopen(request, timeout=10).status == 200

    def api(self, path):
        return json.load(urllib.request.urlopen(self.admin + path, timeout=10))


def addresses(demo):
    """Where the page is and where OTLP/HTTP is taken, from what the demo prints."""
    admin = http = None
    for line in demo.stdout:
        if found := re.search(r"Open (http://\S+)/ ", line):
            admin = found[1]
        if found := re.match(r"OTLP HTTP\s+(\S+)", line):
            http = found[1]
        if admin and http:
            return admin, http
    sys.exit("the demo ended before it said where its page is")


def look(browser, demo, pictures):
    eventually = lambda what, seconds, probe: until(browser, what, seconds, probe)
    total = lambda: Decimal(browser.evaluate("document.querySelector('#total data')?.value || '0'"))
    shown = lambda: browser.evaluate("document.querySelector('#total')?.textContent || ''")

    browser.screen(1280, 900)
    browser.open(demo.admin + "/")
    # A load would take it away.
    browser.evaluate("window.stayed = true")

    eventually("every list to fill", 60, lambda: browser.evaluate(
        f"{LISTS}.every((one) => document.querySelectorAll(`#by-${{one}} tr`).length >= 4)"))
    first, words = total(), shown()
    assert first > 1 and re.fullmatch(r"\$[\d,]+\.\d\d", words), (first, words)
    # Where a full hour passes it falls: the range has lost one.
    second = eventually("the total to move", 20, lambda: (it := total()) != first and it)
    eventually("the total to move again", 20, lambda: total() != second)
    print(f"the total moved from {words} to {shown()} without a reload")

    eventually("actions with their cost", 20, lambda: browser.evaluate(
        "document.querySelectorAll('#actions tbody tr').length >= 4"))
    spike = eventually("the spike of the user who runs away", 90, lambda: browser.evaluate(
        "document.querySelector('#spikes')?.innerText || ''"))
    assert "finn" in spike, spike
    print("the spike appeared:", " ".join(spike.split()))

    if pictures:
        # The live minute has a bit more to tell.
        browser.wait(15)
        height = None
        for name, width in [("page", 1280), ("page-390", 390)]:
            browser.screen(width, 900)
            browser.wait(0.5)
            # Down to the last list; the narrow one stands beside it, and is as tall.
            lists = "document.querySelector('.lists').getBoundingClientRect().bottom + scrollY"
            height = height or browser.evaluate(f"Math.ceil({lists}) + 16")
            browser.picture(f"{pictures}/{name}.png", width, height)

    for width in (1280, 390, 320):
        browser.screen(width, 800)
        fits(browser, width)
    print("no horizontal scrolling at 1280, 390 and 320 pixels")

    demo.stranger()
    seen = "[...document.querySelectorAll('#by-user th')].map((it) => it.textContent.trim())"
    eventually("the user with the odd name", 20, lambda: any(
        name.startswith(STRANGER[:80]) for name in browser.evaluate(seen)))
    fits(browser, 320)
    assert browser.evaluate("window.ran === undefined"), "a user's name ran as a script"

    def agrees():
        costs = demo.api("/api/v1/costs?by=user")
        return total() == Decimal(costs["total"]) + Decimal(costs["pending"])

    eventually("page and API to agree to the picodollar, once the minute is over", 120, agrees)
    print(f"the page and the API agree: {total()}")
    assert browser.evaluate("window.stayed === true"), "the page was loaded again"

    for window in ("7d", "30d"):
        browser.open(f"{demo.admin}/?since={window}")
        assert total() > first, window
        fits(browser, 320)

    elsewhere = [url for url in browser.requests if not url.startswith((demo.admin + "/", "data:"))]
    assert not elsewhere, elsewhere
    assert not browser.complaints, browser.complaints
    print(f"{len(browser.requests)} requests, none of them elsewhere; the console is empty")


def fits(browser, width):
    wide = browser.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, f"the page is {wide} pixels wide on a screen of {width}"


def until(browser, what, seconds, probe):
    """What the probe says once it is true; the time that passes is the browser's."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := probe():
            return answer
        if time.monotonic() > deadline:
            main = browser.evaluate("document.querySelector('main').innerText")
            sys.exit(f"waited {seconds} s for {what}; the page says:\n{main}")
        browser.wait(0.5)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main(*sys.argv[1:])
