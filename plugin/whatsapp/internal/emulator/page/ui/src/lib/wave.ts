// The waveform of a voice note.

export const bars = 42;

const waves = new Map<string, Promise<number[]>>();
const still = Array.from({ length: bars }, () => 0.08);

/** wave returns how loud each part of a file is, from 0 to 1; flat when it cannot be decoded. */
export function wave(src: string): Promise<number[]> {
  let known = waves.get(src);
  if (!known) waves.set(src, (known = decode(src).catch(() => still)));
  return known;
}

async function decode(src: string): Promise<number[]> {
  const bytes = await (await fetch(src)).arrayBuffer();
  // Offline, so that no page needs a sound device, and at a low rate: only the outline is shown.
  const sound = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(bytes);
  const samples = sound.getChannelData(0);
  const step = Math.max(1, Math.floor(samples.length / bars));
  const loud = Array.from({ length: bars }, (_, i) => {
    let sum = 0;
    for (let k = i * step; k < (i + 1) * step && k < samples.length; k++) sum += (samples[k] ?? 0) ** 2;
    return Math.sqrt(sum / step);
  });
  const most = Math.max(...loud, 0.01);
  return loud.map((v) => Math.max(0.08, v / most));
}
