/** Arithmetic that must agree with Python's and numpy's to the last digit that is shown. */

/** Round as Python does: by the exact binary value, ties to even. */
export function round(value: number, digits = 0): number {
  const nearest = Number(value.toFixed(digits));
  const exact = Math.abs(value).toFixed(digits + 30);
  const rest = exact.slice(digits ? -30 : exact.indexOf(".") + 1);
  if (!/^50*$/.test(rest)) return nearest + 0; // + 0 turns -0 to 0
  const kept = Number(exact.slice(0, exact.length - rest.length)); // a tie: the digits before it, with an even last one
  const last = Math.round(kept * 10 ** digits);
  return (Math.sign(value) * (last % 2 ? last + 1 : last)) / 10 ** digits + 0;
}

/** The quantile of numpy's "linear" method; `share` in 0..1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const a = sorted[below] ?? NaN;
  const b = sorted[Math.min(below + 1, sorted.length - 1)] ?? NaN;
  const t = place - below;
  return t >= 0.5 ? b - (b - a) * (1 - t) : a + (b - a) * t;
}

export function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** The share that `text` says in a sentence; mirrors `decide.percent`, whole per cent and never certain. */
export function wholePercent(probability: number): number {
  return round(100 * probability);
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Little-endian IEEE half floats, as the bundle packs its arrays. */
export function halfFloats(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / 2 }, (_, n) => halfFloat(view.getUint16(2 * n, true)));
}

function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The value at a place that is known to exist; a hole in a table is a mistake of ours, never of the user. */
export function at<T>(values: ArrayLike<T>, place: number): T {
  const value = values[place];
  if (value === undefined) throw new RangeError(`no value at ${place} of ${values.length}`);
  return value;
}
