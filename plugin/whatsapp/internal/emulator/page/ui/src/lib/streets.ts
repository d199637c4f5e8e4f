// Draws the streets around a place: not the real ones, but always the same for the same place.

export interface Streets {
  lanes: string;
  roads: string;
  park: string;
  water: string;
}

export function streets(latitude: number, longitude: number): Streets {
  const next = dice(Math.round((latitude + 90) * 1e4) * 4_000_003 + Math.round((longitude + 180) * 1e4));
  const tilt = next() * 26 - 13;
  const lanes: string[] = [];
  for (let x = -20 + next() * 20; x < 290; x += 20 + next() * 16) lanes.push(`M${x} -10L${x + tilt} 140`);
  for (let y = -10 + next() * 12; y < 140; y += 16 + next() * 14) lanes.push(`M-10 ${y}L270 ${y - tilt}`);
  const x = 30 + next() * 60;
  const y = 80 + next() * 30;
  const px = 170 + next() * 40;
  const py = next() * 30;
  const river = 10 + next() * 100;
  return {
    lanes: lanes.join(""),
    roads: `M${x} -10L${x + tilt} 140M-10 ${y}L270 ${y - tilt}`,
    park: `M${px} ${py}l46 -6l10 44l-50 8z`,
    water: `M-20 ${river}C60 ${river - 40} 90 ${river + 50} 150 ${river + 22}S240 ${river + 40} 290 ${river + 4}`,
  };
}

// dice returns a source of numbers from 0 to 1 (mulberry32).
function dice(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
