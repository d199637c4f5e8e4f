"""Tests against the built plugin. AOFD_BIN says where it is: `make test-python` sets it."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # connections are refused on purpose here

import grpc  # noqa: E402

import parse_webhook as example  # noqa: E402
from plugin import Plugin, PluginError  # noqa: E402

from aof.platform.v1 import platform_pb2  # noqa: E402
from aof.plugin.v1 import plugin_pb2  # noqa: E402

SECRET = "a-secret-of-the-tests"
BODY = json.dumps(example.SAMPLE).encode()


def started(**settings):
    return Plugin(example.binary(), **settings)


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plugin = started().__enter__()
        cls.addClassCleanup(cls.plugin.stop)
        cls.configured = example.configure(cls.plugin, SECRET)

    def test_says_what_it_is(self):
        info = self.plugin.life.GetInfo(plugin_pb2.GetInfoRequest(), timeout=2)
        self.assertEqual((info.id, info.kind), ("whatsapp", plugin_pb2.PLUGIN_KIND_PLATFORM))
        self.assertEqual(json.loads(info.config_schema_json)["type"], "object")

    def test_configure_names_the_account(self):
        self.assertEqual([a.id for a in self.configured.accounts], [example.ACCOUNT])

    def test_signed_webhook_parses_to_its_text(self):
        request = example.webhook(BODY, example.sign(BODY, SECRET))
        self.assertEqual(example.verify(self.plugin, request).verdict, platform_pb2.VERDICT_VALID)
        batch = example.parse(self.plugin, request)
        self.assertEqual([m.text for m in batch.messages], ["is the node up?", "button:restart"])
        self.assertEqual([m.content.WhichOneof("kind") for m in batch.messages], ["text", "interaction"])
        self.assertEqual([r.message_id for r in batch.receipts], ["wamid.ours-1"])
        self.assertFalse(batch.issues)

    def test_bytes_are_not_touched(self):
        body = BODY.replace(b"is the node up?", "läuft der Knoten? ✓".encode()) + b"\r\n "
        batch = example.parse(self.plugin, example.webhook(body, example.sign(body, SECRET)))
        self.assertEqual(batch.messages[0].text, "läuft der Knoten? ✓")

    def test_wrong_signature_is_refused(self):
        for signature, reason in (
            (example.sign(BODY, "another-secret"), "SIGNATURE_MISMATCH"),
            (example.sign(BODY + b" ", SECRET), "SIGNATURE_MISMATCH"),
            ("sha256=", "SIGNATURE_MALFORMED"),
            ("", "SIGNATURE_MISSING"),
        ):
            with self.subTest(reason=reason, signature=signature):
                request = example.webhook(BODY, signature)
                judged = example.verify(self.plugin, request)
                self.assertEqual((judged.verdict, judged.reason), (platform_pb2.VERDICT_INVALID, reason))
                self.assertEqual(judged.http_reply.status, 401)
                batch = example.parse(self.plugin, request)
                self.assertEqual(batch.verdict, platform_pb2.VERDICT_INVALID)
                self.assertFalse(batch.messages or batch.receipts or batch.notices or batch.issues)

    def challenge(self, token):
        query = f"hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444"
        request = platform_pb2.HttpRequest(method="GET", uri=f"/webhook/whatsapp?{query}")
        request.headers.add(name="host", value="localhost")
        request.received_at.GetCurrentTime()
        return example.verify(self.plugin, request)

    def test_challenge_is_answered(self):
        judged = self.challenge(example.VERIFY_TOKEN)
        self.assertEqual(judged.verdict, platform_pb2.VERDICT_CHALLENGE)
        self.assertEqual((judged.http_reply.status, judged.http_reply.body), (200, b"1158201444"))

    def test_challenge_with_a_wrong_word_is_refused(self):
        judged = self.challenge("another-word")
        self.assertEqual(judged.verdict, platform_pb2.VERDICT_INVALID)
        self.assertNotIn(b"1158201444", judged.http_reply.body)

    def test_nobody_else_gets_in(self):
        with open(os.path.join(self.plugin.folder, "AOF_TLS_CERT"), "rb") as f:
            trusts = grpc.ssl_channel_credentials(root_certificates=f.read())
        named = [("grpc.ssl_target_name_override", "localhost")]
        for what, channel in (
            ("without TLS", grpc.insecure_channel(self.plugin.target)),
            ("without a certificate", grpc.secure_channel(self.plugin.target, trusts, named)),
        ):
            with self.subTest(what), channel, self.assertRaises(grpc.RpcError) as refused:
                channel.unary_unary("/aof.plugin.v1.PluginService/GetInfo")(b"", timeout=5)
            self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)


class Life(unittest.TestCase):
    def assertGone(self, process):
        self.assertIsNotNone(process.returncode)
        with self.assertRaises(ProcessLookupError):
            os.kill(process.pid, 0)

    def test_nothing_is_left(self):
        with started() as plugin:
            folder = pathlib.Path(plugin.folder)
            self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
            self.assertEqual((folder / "AOF_TLS_KEY").stat().st_mode & 0o777, 0o600)
            self.assertIsNone(plugin.process.poll())
        self.assertGone(plugin.process)
        self.assertEqual(plugin.process.returncode, 0)
        self.assertFalse(folder.exists())

    def test_nothing_is_left_after_an_error(self):
        with self.assertRaisesRegex(ValueError, "ours"), started() as plugin:
            raise ValueError("ours")
        self.assertGone(plugin.process)

    def test_calls_need_a_configuration(self):
        with started() as plugin, self.assertRaises(grpc.RpcError) as refused:
            example.verify(plugin, example.webhook(BODY, "sha256=00"))
        self.assertEqual(refused.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)

    def script(self, text):
        folder = self.new_folder()
        path = pathlib.Path(folder, "plugin")
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o700)
        return path

    def new_folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def test_what_is_no_plugin(self):
        for text, words in (
            ("exit 0", "does not speak the plugin handshake"),
            ("echo '1|2|tcp|127.0.0.1:1|grpc|'; sleep 60", "speaks protocol 2"),
            ("echo '1|1|tcp|127.0.0.1:1|grpc|AAAA'; sleep 60", "made a certificate"),
            ("echo '1|1|tcp|127.0.0.1:1|grpc|'; sleep 60", "does not answer"),
            ("sleep 60", "no handshake within"),
        ):
            with self.subTest(text):
                plugin = Plugin(self.script(text), start_seconds=1, stop_seconds=0.2)
                with self.assertRaisesRegex(PluginError, words), plugin:
                    self.fail("it started")
                self.assertGone(plugin.process)
        with self.assertRaisesRegex(PluginError, "does not start"), Plugin("/no/such/plugin"):
            self.fail("it started")

    def test_environment_is_not_passed_on(self):
        os.environ["AOF_TEST_SECRET"] = "hidden"
        self.addCleanup(os.environ.pop, "AOF_TEST_SECRET")
        out = pathlib.Path(self.new_folder(), "env")
        with self.assertRaises(PluginError), Plugin(self.script(f"env > '{out}'")):
            self.fail("it started")
        seen = out.read_text()
        self.assertIn("AOF_PLUGIN=aof.plugin.v1", seen)
        self.assertNotIn("hidden", seen)
        self.assertNotIn("PRIVATE KEY", seen)


class Program(unittest.TestCase):
    def run_it(self, *args, **env):
        program = pathlib.Path(example.__file__)
        return subprocess.run(
            [sys.executable, program, *args], capture_output=True, encoding="utf-8", timeout=60,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
        )

    def test_prints_the_sample(self):
        done = self.run_it()
        self.assertEqual(done.returncode, 0, done.stderr)
        first, *rest = done.stdout.splitlines()
        self.assertRegex(first, r"^plugin   whatsapp \S+ for WhatsApp$")
        self.assertEqual(rest, [
            "verdict  valid",
            'message  2026-01-01 00:00:00 UTC  "Ada" (16505551234)  text: "is the node up?"',
            'message  2026-01-01 00:01:00 UTC  "Ada" (16505551234)  interaction: "button:restart" '
            '{interaction { kind: INTERACTION_KIND_BUTTON id: "restart" title: "Restart it" '
            'source_message_id: "wamid.ours-1" }}',
            "receipt  2026-01-01 00:01:01 UTC  wamid.ours-1 to 16505551234: read",
        ])

    def test_reads_a_file_and_keeps_lines_whole(self):
        with tempfile.NamedTemporaryFile(suffix=".json") as f:
            f.write(BODY.replace(b"is the node up?", rb"two\nlines \u001b[31m\u00fc"))
            f.flush()
            done = self.run_it(f.name, APP_SECRET="another")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(r'text: "two\nlines \x1b[31mü"', done.stdout)

    def test_says_what_is_wrong(self):
        for args, words in (
            (["no-such-file"], "no-such-file"),
            (["--plugin", "no-such-plugin"], "no-such-plugin does not start"),
            (["--account", "+49 30 1"], "the plugin answers INVALID_ARGUMENT"),
        ):
            with self.subTest(args=args):
                done = self.run_it(*args)
                self.assertEqual(done.returncode, 1)
                self.assertIn(words, done.stderr)
                self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()
