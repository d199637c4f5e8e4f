"""A bot of one file, without any library: it stands for whatever you test. It greets, and offers a button."""

import hashlib
import hmac
import json
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Bot(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address=("127.0.0.1", 0)):
        super().__init__(address, Webhook)
        self.config = {}  # of the emulator, or of the real thing
        self.seen = set()  # Meta delivers more than once

    def answer(self, message, name):
        if message["id"] in self.seen:
            return
        self.seen.add(message["id"])
        if message["type"] == "interactive":
            self.send(message["from"], {"type": "text", "text": {"body": "Good."}})
            return
        button = {"type": "reply", "reply": {"id": "ok", "title": "OK"}}
        body = {"text": f"Hello, {name}! You wrote: {message['text']['body']}"}
        self.send(message["from"], {
            "type": "interactive",
            "interactive": {"type": "button", "body": body, "action": {"buttons": [button]}},
        })

    def send(self, to, message):
        url = f"{self.config['api_base_url']}/v25.0/{self.config['phone_number_id']}/messages"
        request = urllib.request.Request(
            url,
            data=json.dumps({"messaging_product": "whatsapp", "to": "+" + to, **message}).encode(),
            headers={
                "Authorization": "Bearer " + self.config["access_token"],
                "Content-Type": "application/json",
            },
        )
        urllib.request.urlopen(request, timeout=10).close()


class Webhook(BaseHTTPRequestHandler):
    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        known = query.get("hub.verify_token") == [self.server.config.get("verify_token")]
        self.reply(200 if known else 403, query["hub.challenge"][0] if known else "")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mac = hmac.new(self.server.config["app_secret"].encode(), body, hashlib.sha256)
        if not hmac.compare_digest("sha256=" + mac.hexdigest(), self.headers.get("X-Hub-Signature-256", "")):
            self.reply(401)
            return
        self.reply(200)
        for entry in json.loads(body)["entry"]:
            for change in entry["changes"]:
                value = change["value"]
                for message in value.get("messages", []) if change["field"] == "messages" else []:
                    self.server.answer(message, value["contacts"][0]["profile"]["name"])

    def reply(self, status, text=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass
