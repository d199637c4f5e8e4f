"""Drives the WhatsApp emulator from a test in Python. Nothing but the standard library.

    with Emulator("aof-platform-whatsapp", webhook="http://127.0.0.1:8000/webhook") as wa:
        ana = wa.phone("4915112345678", name="Ana")
        ana.send("hello")
        assert ana.next_message()["text"]["body"] == "Hello, Ana!"
"""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request


class EmulatorError(Exception):
    """What the emulator says when it refuses something."""


class Emulator:
    """An emulator as a process of its own. Its address is the base URL of your WhatsApp library."""

    def __init__(self, program, webhook, *flags):
        self.process = subprocess.Popen(
            [program, "emulate", "--json", "--listen", "127.0.0.1:0", "--webhook", webhook, *flags],
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        if not line:
            raise EmulatorError(f"{program} did not start: see its error output")
        ready = json.loads(line)
        self.config = ready["config"]  # api_base_url, phone_number_id, access_token, app_secret …
        self.control = ready["control"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def call(self, method, path, body=None):
        """One call of the control API."""
        request = urllib.request.Request(
            self.control + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={} if body is None else {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise EmulatorError(json.load(refused)["error"]) from None

    def ready(self, seconds=10):
        """Waits until your program has answered the webhook's handshake."""
        wait_for(lambda: self.call("POST", "handshake", {})["state"] == "done", seconds)

    def phone(self, number, **person):
        return Phone(self, self.call("POST", "people", {"phone": number, **person})["id"])

    def advance(self, duration):
        """Moves the clock: "25h", "7d". Windows close, retries and statuses come."""
        self.call("POST", "clock", {"advance": duration})

    def fault(self, **rule):
        self.call("POST", "faults", rule)

    def reset(self):
        self.call("POST", "reset", {"settings": True})


class Phone:
    """A person with a phone."""

    def __init__(self, emulator, person):
        self.emulator = emulator
        self.id = person
        self.seen = 0

    def send(self, text, **more):
        return self.act(type="text", text=text, **more)

    def tap(self, title):
        return self.act(type="tap", title=title)

    def act(self, **action):
        return self.emulator.call("POST", "send", {"from": self.id, **action})["id"]

    def messages(self):
        chat = self.emulator.call("GET", "chat?" + urllib.parse.urlencode({"user": self.id, "limit": 1000}))
        return [m for m in chat["messages"] if m["direction"] == "to_user"]

    def next_message(self, seconds=10):
        """The body of the next message that your program sent, as it gave it to the Graph API."""

        def newer():
            for m in self.messages():
                if m["seq"] > self.seen:
                    self.seen = m["seq"]
                    return m["body"]
            return None

        return wait_for(newer, seconds)

    def state(self, index=-1):
        return self.messages()[index]["state"]


def wait_for(check, seconds):
    end = time.monotonic() + seconds
    while not (found := check()):
        if time.monotonic() > end:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.02)
    return found
