// Loaded when the first voice note is recorded.

import { BlobSource, BufferTarget, EncodedAudioPacketSource, EncodedPacketSink, Input, OggOutputFormat, Output, WEBM } from "mediabunny";

/** ogg returns a WebM recording in Opus as an Ogg file. */
export async function ogg(recorded: Blob): Promise<Blob> {
  const input = new Input({ formats: [WEBM], source: new BlobSource(recorded) });
  const track = await input.getPrimaryAudioTrack();
  const config = await track?.getDecoderConfig();
  if (!track || !config) throw new Error("the recording is empty");
  const target = new BufferTarget();
  const output = new Output({ format: new OggOutputFormat(), target });
  const packets = new EncodedAudioPacketSource("opus");
  output.addAudioTrack(packets);
  await output.start();
  for await (const packet of new EncodedPacketSink(track).packets()) await packets.add(packet, { decoderConfig: config });
  await output.finalize();
  if (!target.buffer) throw new Error("the recording is empty");
  return new Blob([target.buffer], { type: "audio/ogg; codecs=opus" });
}
