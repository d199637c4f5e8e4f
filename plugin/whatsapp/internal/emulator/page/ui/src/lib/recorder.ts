// Records a voice note as phones send it: Opus in Ogg.

export interface Recording {
  /** stop ends the recording and returns it. */
  stop(): Promise<Blob>;
  cancel(): void;
}

/** record asks for the microphone and begins. level is called with how loud it is, from 0 to 1. */
export async function record(level: (v: number) => void): Promise<Recording> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  const type = ["audio/ogg; codecs=opus", "audio/webm; codecs=opus"].find((t) => MediaRecorder.isTypeSupported(t));
  const recorder = new MediaRecorder(stream, type ? { mimeType: type, audioBitsPerSecond: 24_000 } : {});
  const parts: Blob[] = [];
  recorder.ondataavailable = (e) => parts.push(e.data);
  const ended = new Promise<void>((done) => recorder.addEventListener("stop", () => done()));
  const hush = meter(stream, level);
  recorder.start();

  async function end(): Promise<void> {
    if (recorder.state !== "inactive") recorder.stop();
    await ended;
    hush();
    for (const t of stream.getTracks()) t.stop();
  }
  return {
    cancel: () => void end(),
    async stop() {
      await end();
      return ogg(new Blob(parts, { type: recorder.mimeType }));
    },
  };
}

function meter(stream: MediaStream, level: (v: number) => void): () => void {
  const sound = new AudioContext();
  const ear = sound.createAnalyser();
  ear.fftSize = 512;
  sound.createMediaStreamSource(stream).connect(ear);
  const samples = new Float32Array(ear.fftSize);
  const timer = setInterval(() => {
    ear.getFloatTimeDomainData(samples);
    level(Math.min(1, Math.sqrt(samples.reduce((s, v) => s + v * v, 0) / samples.length) * 4));
  }, 80);
  return () => {
    clearInterval(timer);
    void sound.close();
  };
}

// Where a browser records into WebM, the packets move into an Ogg file, without being coded anew.
async function ogg(recorded: Blob): Promise<Blob> {
  if (recorded.type.startsWith("audio/ogg")) return new Blob([recorded], { type: "audio/ogg; codecs=opus" });
  return (await import("./ogg")).ogg(recorded);
}
