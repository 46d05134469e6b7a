/** Decode the PNG drawings of the golden vectors without a canvas, which may smooth, colour or blur what it returns. */

import type { Pixels } from "./schema";

const SIGNATURE = "\x89PNG\r\n\x1a\n";

/** Decode an 8-bit RGB PNG that is not interlaced; TypeError for any other. */
export async function decodePng(bytes: Uint8Array<ArrayBuffer>): Promise<Pixels> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const known = ascii(bytes, 0, 8) === SIGNATURE && bytes[24] === 8 && bytes[25] === 2 && bytes[28] === 0;
  if (!known) throw new TypeError("not an 8-bit RGB PNG");
  const packed = [...chunks(bytes, view)].filter(([kind]) => kind === "IDAT").map(([, data]) => data);
  const stream = new Blob(packed).stream().pipeThrough(new DecompressionStream("deflate"));
  const rows = new Uint8Array(await new Response(stream).arrayBuffer());
  if (rows.length !== height * (3 * width + 1)) throw new TypeError("a PNG that is cut short");
  return { data: opaque(unfiltered(rows, 3 * width, height)), width, height };
}

function* chunks(bytes: Uint8Array<ArrayBuffer>, view: DataView): Generator<[string, Uint8Array<ArrayBuffer>]> {
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    yield [ascii(bytes, at + 4, 4), bytes.subarray(at + 8, at + 8 + length)];
    at += 12 + length;
  }
}

/** Undo the five filters of PNG (specification, section 9). */
function unfiltered(rows: Uint8Array, stride: number, height: number): Uint8Array {
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const kind = rows[y * (stride + 1)] ?? 0;
    for (let x = 0, to = y * stride; x < stride; x++, to++) {
      const left = x < 3 ? 0 : (out[to - 3] as number);
      const above = y === 0 ? 0 : (out[to - stride] as number);
      const corner = x < 3 || y === 0 ? 0 : (out[to - stride - 3] as number);
      out[to] = (rows[y * (stride + 1) + 1 + x] as number) + predicted(kind, left, above, corner);
    }
  }
  return out;
}

function predicted(kind: number, left: number, above: number, corner: number): number {
  if (kind === 4) return paeth(left, above, corner);
  return kind === 1 ? left : kind === 2 ? above : kind === 3 ? (left + above) >> 1 : 0;
}

function paeth(left: number, above: number, corner: number): number {
  const [a, b, c] = [Math.abs(above - corner), Math.abs(left - corner), Math.abs(left + above - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? above : corner;
}

function opaque(rgb: Uint8Array): Uint8ClampedArray {
  const data = new Uint8ClampedArray((rgb.length / 3) * 4).fill(255);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) data.set(rgb.subarray(from, from + 3), to);
  return data;
}

export function ascii(bytes: Uint8Array, from: number, count: number): string {
  return String.fromCharCode(...bytes.subarray(from, from + count));
}
