"""An agent in Python that answers with events: one JSON object a line. It needs nothing but Python."""

import json
import sys


def emit(**event):
    print(json.dumps(event), flush=True)


def main():
    run = json.load(sys.stdin)
    message = run["message"]
    # Only `interaction` tells a tap from somebody who typed "button:again".
    tap = message["content"].get("interaction")
    if tap and tap["id"] == "again":
        emit(final={"response": {"text": "Send me another message."}})
        return
    emit(progress={"text": "counting"})
    words = message["text"].split()
    print(f"{len(words)} words for {run['run_id']}", file=sys.stderr)  # goes to the daemon's log
    emit(
        final={
            "response": {
                "text": f"{len(words)} words, {len(message['text'])} characters",
                "status": "success",
                "actions": [{"id": "again", "label": "Again"}],
            }
        }
    )


main()
