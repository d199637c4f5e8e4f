"""Lets the WhatsApp plugin verify and parse a webhook, and prints what is in it.

    python parse_webhook.py                 a built-in sample
    python parse_webhook.py body.json       a file with the body of a webhook; - is stdin

The body is signed with the app secret in APP_SECRET, as Meta would do it.
"""

import argparse
import hashlib
import hmac
import json
import os
import pathlib
import sys

import grpc
from google.protobuf import text_format

from plugin import Plugin, PluginError  # first, as it says where the stubs are

from aof.platform.v1 import message_pb2, platform_pb2
from aof.plugin.v1 import plugin_pb2

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT = "106540352242922"
VERIFY_TOKEN = "a-word-of-your-own"
SAMPLE = {
    "object": "whatsapp_business_account",
    "entry": [
        {
            "id": "102290129340398",
            "changes": [
                {
                    "field": "messages",
                    "value": {
                        "messaging_product": "whatsapp",
                        "metadata": {"display_phone_number": "15550783881", "phone_number_id": ACCOUNT},
                        "contacts": [{"profile": {"name": "Ada"}, "wa_id": "16505551234"}],
                        "messages": [
                            {
                                "from": "16505551234",
                                "id": "wamid.sample-1",
                                "timestamp": "1767225600",
                                "type": "text",
                                "text": {"body": "is the node up?"},
                            },
                            {
                                "from": "16505551234",
                                "id": "wamid.sample-2",
                                "timestamp": "1767225660",
                                "type": "interactive",
                                "context": {"from": "15550783881", "id": "wamid.ours-1"},
                                "interactive": {
                                    "type": "button_reply",
                                    "button_reply": {"id": "restart", "title": "Restart it"},
                                },
                            },
                        ],
                    },
                },
                {
                    "field": "messages",
                    "value": {
                        "messaging_product": "whatsapp",
                        "metadata": {"display_phone_number": "15550783881", "phone_number_id": ACCOUNT},
                        "statuses": [
                            {
                                "id": "wamid.ours-1",
                                "status": "read",
                                "timestamp": "1767225661",
                                "recipient_id": "16505551234",
                            }
                        ],
                    },
                },
            ],
        }
    ],
}


def binary():
    """The plugin that `make build` made."""
    return pathlib.Path(os.environ.get("AOFD_BIN", ROOT / "bin"), "plugins", "aof-platform-whatsapp")


def configure(plugin, app_secret, account=ACCOUNT):
    """Gives the plugin what a block of aofd's configuration would. No call of ours sends with the token."""
    config = {
        "phone_number_id": account,
        "access_token": "not-used-here",
        "verify_token": VERIFY_TOKEN,
        "app_secret": app_secret,
    }
    request = plugin_pb2.ConfigureRequest(config_json=json.dumps(config).encode(), generation=1)
    return plugin.life.Configure(request, timeout=5)


def sign(body, app_secret):
    """The header X-Hub-Signature-256: an HMAC over the bytes of the body."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def webhook(body, signature):
    """The request that Meta would make. Header names are in lower case by contract."""
    request = platform_pb2.HttpRequest(method="POST", uri="/webhook/whatsapp", body=body)
    request.headers.add(name="content-type", value="application/json")
    request.headers.add(name="x-hub-signature-256", value=signature)
    request.received_at.GetCurrentTime()
    return request


def verify(plugin, request):
    return plugin.platform.VerifySignature(platform_pb2.VerifySignatureRequest(request=request), timeout=1)


def parse(plugin, request):
    return plugin.platform.ParseMessage(platform_pb2.ParseMessageRequest(request=request), timeout=5)


def plain(text):
    """Text on one line and without control characters, as it may come from strangers."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quoted(text):
    return '"' + plain(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def clock(timestamp):
    return timestamp.ToDatetime().strftime("%Y-%m-%d %H:%M:%S UTC")


def word(enum, value):
    """The last part of an enum's name, such as read for RECEIPT_STATUS_READ."""
    names = [v.name for v in enum.DESCRIPTOR.values if v.number == value]
    prefix = os.path.commonprefix(enum.keys())
    return names[0][len(prefix):].lower() if names else str(value)


def lines(batch):
    """What a batch says, a line each."""
    for m in batch.messages:
        kind = m.content.WhichOneof("kind") or "unsupported"
        who = f"{quoted(m.user.display_name)} ({m.user.id})"
        what = "" if kind == "text" else f" {{{text_format.MessageToString(m.content, as_one_line=True)}}}"
        refused = f", not to be answered: {m.refusal.reason}" if m.HasField("refusal") else ""
        yield f"message  {clock(m.sent_at)}  {who}  {kind}: {quoted(m.text)}{what}{refused}"
    for r in batch.receipts:
        why = f", {r.error.reason}: {plain(r.error.message)}" if r.HasField("error") else ""
        status = word(message_pb2.ReceiptStatus, r.status)
        yield f"receipt  {clock(r.at)}  {r.message_id} to {r.recipient_id}: {status}{why}"
    for n in batch.notices:
        yield f"notice   {n.kind}: {plain(n.summary)}"
    for i in batch.issues:
        yield f"issue    {i.reason} at {i.path or 'the top'}: {plain(i.detail)}"


def run(path, body, app_secret, account):
    with Plugin(path) as plugin:
        info = plugin.life.GetInfo(plugin_pb2.GetInfoRequest(), timeout=2)
        print(f"plugin   {info.id} {info.version} for {info.platform.display_name}")
        configure(plugin, app_secret, account)
        request = webhook(body, sign(body, app_secret))
        judged = verify(plugin, request)
        print(f"verdict  {word(platform_pb2.Verdict, judged.verdict)} {judged.reason}".rstrip())
        if judged.verdict != platform_pb2.VERDICT_VALID:
            return 1
        for line in lines(parse(plugin, request)):
            print(line)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", help="body of a webhook; - is stdin; a built-in sample if absent")
    parser.add_argument("--plugin", default=binary(), help="the plugin's file (default: %(default)s)")
    parser.add_argument("--account", default=ACCOUNT, help="phone_number_id in the body (default: the sample's)")
    args = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show an emoji is no reason to fail
    try:
        if args.file is None:
            body = json.dumps(SAMPLE).encode()
        elif args.file == "-":
            body = sys.stdin.buffer.read()
        else:
            body = pathlib.Path(args.file).read_bytes()
        return run(args.plugin, body, os.environ.get("APP_SECRET") or "example-secret", args.account)
    except grpc.RpcError as e:
        print(f"the plugin answers {e.code().name}: {e.details()}", file=sys.stderr)
    except (OSError, PluginError) as e:
        print(e, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
