"""The agent of the scenarios: it answers each kind of message with something that can be checked. Only Python."""

import json
import sys
import time
import urllib.request

MENU = {
    "text": "Restart the pod?",
    "actions": [{"id": "yes", "label": "Yes"}, {"id": "no", "label": "No"}],
}
LIST = {
    "text": "Which pod?",
    "list_label": "Pods",
    "sections": [
        {"title": "shop", "rows": [{"id": "web", "label": "web", "description": "running"}]},
        {"title": "jobs", "rows": [{"id": "mail", "label": "mail"}, {"id": "bill", "label": "bill"}]},
    ],
}


def answer(message):
    content = message.get("content") or {}
    text = message.get("text") or ""
    if tap := content.get("interaction"):
        return {"text": f"You chose {tap['id']}."}
    if media := content.get("media"):
        with urllib.request.urlopen(media["url"], timeout=20) as file:
            size = len(file.read())
        kind = "voice" if media.get("voice") else media["type"]
        return {"text": f"A {kind} of {size} bytes. {text}".strip()}
    if place := content.get("location"):
        return {"text": f"You are at {place['latitude']}, {place['longitude']}."}
    if text == "buttons":
        return MENU
    if text == "list":
        return LIST
    if text == "quote":
        return {"text": "This one.", "reply_to": message["id"]}
    if text == "react":
        return {"reaction": {"message_id": message["id"], "emoji": "👀"}}
    if text == "slow":
        time.sleep(2)
        return {"text": "At last."}
    if text == "long":
        return {"text": "\n\n".join(f"Paragraph {i}. " + "word " * 300 for i in range(1, 5))}
    return {"text": f"You said: {text}"}


print(json.dumps(answer(json.load(sys.stdin)["message"])))
