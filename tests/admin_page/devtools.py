"""A browser that a test drives: Chromium, by its DevTools protocol over a pipe.

The browser reads commands from descriptor 3 and writes answers and events to descriptor 4, each a
JSON text that a zero byte ends. Nothing listens on a port, and nothing but Python's library is
needed.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ANSWER_SECONDS = 60
END_SECONDS = 20
KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), "ArrowLeft": (37, ""),
        "ArrowRight": (39, "")}  # their codes on Windows, and the text that they enter


def find_browser():
    """The path of a Chromium, or None."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


class Browser:
    """One browser process with a profile of its own in `folder`."""

    def __init__(self, program, folder):
        os.makedirs(folder, exist_ok=True)
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        # The two descriptors may be 3 or 4 themselves, so they first move out of the way.
        high = [os.dup2(end, 100 + index) for index, end in enumerate((commands, answers))]

        def give_pipes():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        with open(os.path.join(folder, "browser.log"), "wb") as log:
            self._process = subprocess.Popen(
                [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--disable-background-networking", "--disable-component-update",
                 "--disable-default-apps", "--disable-extensions", "--disable-sync", "--no-pings",
                 "--no-first-run", "--no-default-browser-check", "--hide-scrollbars",
                 "--force-color-profile=srgb", "--remote-debugging-pipe",
                 "--user-data-dir=" + os.path.join(folder, "profile"), "about:blank"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=False,
                preexec_fn=give_pipes, env=dict(os.environ, TZ="UTC", HOME=folder))
        for end in (commands, answers, *high):
            os.close(end)
        self._number = 0
        self._unread = b""
        self._handlers = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._commands)  # it ends then
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._answers)

    def on_event(self, session, handler):
        """handler(method, parameters) hears the events of the session."""
        self._handlers[session] = handler

    def call(self, method, session=None, **parameters):
        """Sends a command, and returns its result. Events that come meanwhile are handled."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._write(json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            answer = self._next(deadline)
            if answer is None:
                raise TimeoutError(f"the browser does not answer {method}")
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def handle_events(self, seconds):
        """Handles what comes within this time."""
        deadline = time.monotonic() + seconds
        while self._next(deadline) is not None:
            pass

    def _write(self, data):
        while data:
            data = data[os.write(self._commands, data):]

    def _next(self, deadline):
        """The next message; None if none comes. An event has gone to its handler."""
        while b"\0" not in self._unread:
            left = max(deadline - time.monotonic(), 0)
            if not select.select([self._answers], [], [], left)[0]:
                return None
            data = os.read(self._answers, 1 << 20)
            if not data:
                raise RuntimeError("the browser has ended")
            self._unread += data
        text, self._unread = self._unread.split(b"\0", 1)
        message = json.loads(text)
        handler = self._handlers.get(message.get("sessionId"))
        if "method" in message and handler:
            handler(message["method"], message["params"])
        return message


class Page:
    """A page of the browser. `requests` are the addresses that it asked for, `complaints` what it
    wrote to the console, its exceptions, and what the browser refused it."""

    def __init__(self, browser, width=1280, height=900, dark=False):
        self._browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self._target = target
        self._session = browser.call("Target.attachToTarget", targetId=target,
                                     flatten=True)["sessionId"]
        self.requests = []
        self.complaints = []
        browser.on_event(self._session, self._hear)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.look(width, height, dark)

    def call(self, method, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def close(self):
        self._browser.call("Target.closeTarget", targetId=self._target)

    def look(self, width, height, dark, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=phone)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, address):
        self._loaded = False
        result = self.call("Page.navigate", url=address)
        if "errorText" in result:
            raise RuntimeError(f"{address}: {result['errorText']}")
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self._loaded:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{address} does not load")
            self._browser.handle_events(0.02)

    def evaluate(self, expression):
        """The value of the expression in the page, once it is there if it is a promise."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(f"{expression}: " +
                               details.get("exception", details).get("description", str(details)))
        return result["result"].get("value")

    def wait(self, condition, seconds=30):
        """Waits until the expression is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(f"Boolean(({condition}))"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds} s: {condition}")
            self._browser.handle_events(0.05)

    def click(self, element):
        """Presses the left button over the middle of an element, an expression."""
        x, y = self.evaluate(
            f"(() => {{ const element = {element}; element.scrollIntoView({{block: 'center'}});"
            " const place = element.getBoundingClientRect();"
            " return [place.x + place.width / 2, place.y + place.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def point(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def press(self, key):
        code, text = KEYS[key]
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, text=text,
                  windowsVirtualKeyCode=code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key,
                  windowsVirtualKeyCode=code)

    def picture(self):
        """What the page looks like, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def _hear(self, method, parameters):
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.webSocketCreated":
            self.requests.append(parameters["url"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(f"console.{parameters['type']}: " + " ".join(
                str(each.get("value", each.get("description"))) for each in parameters["args"]))
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.complaints.append("exception: " + details.get("exception", details).get(
                "description", str(details)))
        elif method == "Log.entryAdded":
            entry = parameters["entry"]
            self.complaints.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")
