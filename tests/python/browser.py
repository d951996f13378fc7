"""A headless Chromium, driven over WebDriver (W3C), with the few commands that tests of a page need."""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

# WebDriver's key for an element.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1200,900",
]
# Longer than a busy machine needs.
PATIENCE = 60


def missing():
    """The reason why no browser can run; empty if one can."""
    names = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return f"no {' and no '.join(names)} here; `make setup-chromium` installs them" if names else ""


class Browser:
    """A session that ends with its `with` block."""

    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            self.base = f"http://127.0.0.1:{self._port()}/session"
            options = {"args": [*FLAGS, f"--user-data-dir={self.profile.name}"], "binary": shutil.which("chromium")}
            logs = {"browser": "ALL"}
            wanted = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": logs, "unhandledPromptBehavior": "ignore"}}
            self.base += "/" + self._send("POST", "", {"capabilities": wanted})["sessionId"]
        except BaseException:
            self._end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._send("DELETE", "")
        finally:
            self._end()

    def open(self, url):
        self._send("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """Runs the body of a function in the page."""
        return self._send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, css):
        """Returns the first visible element that matches, waiting for one."""
        def look():
            found = self._send("POST", "/elements", {"using": "css selector", "value": css})
            return next((Element(self, one[ELEMENT]) for one in found if Element(self, one[ELEMENT]).shown()), None)
        return self.until(look, f"nothing fits {css}")

    def count(self, css):
        return len(self._send("POST", "/elements", {"using": "css selector", "value": css}))

    def until(self, condition, otherwise):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{otherwise}; the page says: {self.run('return document.body.innerText')}")

    def complaints(self):
        """Returns the errors in the browser's console, refusals by the page's policy included."""
        return [line["message"] for line in self._send("POST", "/se/log", {"type": "browser"}) if line["level"] == "SEVERE"]

    def dialog(self):
        """Returns the text of a dialog opened by a script, or None."""
        try:
            return self._send("GET", "/alert/text")
        except LookupError:
            return None

    def picture(self, path):
        import base64
        path.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))

    def _port(self):
        for line in self.driver.stdout:
            if "started successfully on port " in line:
                return int(line.rsplit("on port ", 1)[1].strip().rstrip("."))
        raise AssertionError("chromedriver ended at once")

    def _send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise LookupError(json.load(error)["value"]["message"]) from None

    def _end(self):
        self.driver.kill()
        self.driver.wait()
        self.driver.stdout.close()
        self.profile.cleanup()


class Element:
    def __init__(self, browser, name):
        self.browser, self.path, self.id = browser, f"/element/{name}", name

    def shown(self):
        try:
            return self.browser._send("GET", f"{self.path}/displayed")
        except LookupError:
            return False

    def text(self):
        return self.browser._send("GET", f"{self.path}/text")

    def click(self):
        self.browser._send("POST", f"{self.path}/click", {})

    def type(self, text):
        self.browser._send("POST", f"{self.path}/value", {"text": text})

    def find(self, css):
        found = self.browser._send("POST", f"{self.path}/element", {"using": "css selector", "value": css})
        return Element(self.browser, found[ELEMENT])
