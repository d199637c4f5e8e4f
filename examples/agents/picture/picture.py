"""Tells what a file is: its kind, its size and, for pictures, how large they are. Needs Python 3 and nothing else."""

import json
import struct
import sys
import urllib.error
import urllib.request


def fetch(url):
    """Return the bytes of the file. An answer that breaks off raises an exception, so all of the file is there."""
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read(), response.headers.get_content_type()


def dimensions(data):
    """Return width and height of a PNG, JPEG or WebP, or None."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return struct.unpack(">II", data[16:24])
    if data[:2] == b"\xff\xd8":
        at = 2
        while at + 9 <= len(data) and data[at] == 0xFF:
            marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                height, width = struct.unpack(">HH", data[at + 5 : at + 9])
                return width, height
            at += 2 + length
    if data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X" and len(data) >= 30:
        return tuple(1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    return None


def answer(message):
    media = message.get("content", {}).get("media")
    if not media:
        return "Send me a picture."
    if not media.get("url"):
        return "This platform does not give me files."
    try:
        data, kind = fetch(media["url"])
    except urllib.error.HTTPError as e:  # the daemon says why, as JSON
        return "I could not get it: " + json.load(e)["error"]
    what = "A voice note" if media.get("voice") else "A file"
    size = dimensions(data)
    if size:
        what = "A picture of %d × %d" % size
    return "%s: %s, %d bytes" % (what, kind, len(data))


print(answer(json.load(sys.stdin)["message"]))
