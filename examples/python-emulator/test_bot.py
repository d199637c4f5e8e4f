"""Tests of the bot: run them with python3 -m unittest discover examples/python-emulator."""

import os
import threading
import unittest

from bot import Bot
from emulator import Emulator, EmulatorError

PROGRAM = os.path.join(os.environ.get("AOFD_BIN", "bin"), "plugins", "aof-platform-whatsapp")


class BotTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bot = Bot()
        threading.Thread(target=cls.bot.serve_forever, daemon=True).start()
        cls.emulator = Emulator(PROGRAM, f"http://127.0.0.1:{cls.bot.server_port}/webhook", "--status-delay", "0s")
        cls.bot.config = cls.emulator.config
        cls.emulator.ready()

    @classmethod
    def tearDownClass(cls):
        cls.emulator.__exit__()
        cls.bot.shutdown()
        cls.bot.server_close()

    def setUp(self):
        self.emulator.reset()
        self.ana = self.emulator.phone("4915112345678", name="Ana")

    def test_greets_and_offers_a_button(self):
        self.ana.send("hi")
        self.assertEqual(self.ana.next_message()["interactive"]["body"]["text"], "Hello, Ana! You wrote: hi")
        self.ana.tap("OK")
        self.assertEqual(self.ana.next_message()["text"]["body"], "Good.")
        with self.assertRaises(EmulatorError):  # a reply button can be tapped once
            self.ana.tap("OK")

    def test_answers_once_what_comes_twice(self):
        self.emulator.fault(on="webhook", do="duplicate", next=1, copies=3)
        self.ana.send("hi")
        self.ana.next_message()
        self.ana.send("end")
        self.assertIn("end", self.ana.next_message()["interactive"]["body"]["text"])
        self.assertEqual(len(self.ana.messages()), 2)

    def test_after_a_day_the_window_is_closed(self):
        self.ana.send("hi")
        self.ana.next_message()
        self.emulator.advance("25h")
        self.bot.send("4915112345678", {"type": "text", "text": {"body": "Still there?"}})
        self.ana.next_message()
        self.emulator.call("POST", "settle", {})
        self.assertEqual(self.ana.state(), "failed")


if __name__ == "__main__":
    unittest.main()
