// Small files of each kind.

import type { Page } from "@playwright/test";
import { deflateSync, crc32 } from "node:zlib";

/** png makes a picture with a gradient. */
export function png(width: number, height: number): Buffer {
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * (1 + width * 3) + 1 + x * 3;
      rows[at] = 240 - (y * 150) / height;
      rows[at + 1] = 150 + (x * 60) / width - (y * 60) / height;
      rows[at + 2] = 90 + (y * 120) / height;
    }
  }
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** webp is a sticker of one pixel. */
export const webp = Buffer.from("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA", "base64");

export const pdf = Buffer.from("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n");

/** recorded has a browser record half a second, and returns the file. Phones and the API take MP4. */
export async function recorded(page: Page, what: "video" | "audio"): Promise<Buffer> {
  const text = await page.evaluate(async (what) => {
    let stream: MediaStream;
    let draw = 0;
    if (what === "video") {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [160, 120];
      const pen = canvas.getContext("2d")!;
      let step = 0;
      draw = window.setInterval(() => {
        pen.fillStyle = `hsl(${step++ * 20} 70% 50%)`;
        pen.fillRect(0, 0, 160, 120);
      }, 30);
      stream = canvas.captureStream(30);
    } else stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const recorder = new MediaRecorder(stream, { mimeType: what === "video" ? "video/mp4; codecs=vp9" : "audio/mp4; codecs=opus" });
    const parts: Blob[] = [];
    recorder.ondataavailable = (e) => parts.push(e.data);
    const ended = new Promise((done) => recorder.addEventListener("stop", done));
    recorder.start();
    setTimeout(() => recorder.stop(), 600);
    await ended;
    clearInterval(draw);
    for (const t of stream.getTracks()) t.stop();
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(""));
  }, what);
  return Buffer.from(text, "base64");
}
