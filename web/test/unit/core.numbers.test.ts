/** Arithmetic, by hand. */

import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { digest } from "../../src/core/bundle";
import { fromBase64, halfFloats, quantile, round } from "../../src/core/numbers";
import { decodedSize, isDrawn } from "../../src/core/photo";
import { decodePng } from "../../src/core/png";
import { percent } from "../../src/core/texts";

describe("numbers", () => {
  it.each([
    [0.5, 0, 0], [1.5, 0, 2], [2.5, 0, 2], [-0.5, 0, 0], [-1.5, 0, -2], [0.03125, 4, 0.0312], [0.09375, 4, 0.0938],
    [2.675, 2, 2.67], [1e-9, 6, 0], [0.1234565, 6, 0.123456], [99.5, 0, 100],
  ])("rounds %d to %i digits as Python does", (value, digits, expected) => {
    expect(round(value, digits)).toBe(expected);
  });

  it("takes quantiles between two values", () => {
    expect(quantile([3, 1, 2, 0], 0.5)).toBe(1.5);
    expect(quantile([0, 10], 0.025)).toBeCloseTo(0.25, 12);
    expect(quantile([7], 0.975)).toBe(7);
  });

  it("reads half floats", () => {
    const bytes = fromBase64("AAAAPADAAQD/ewA1"); // 0, 1, -2, smallest, largest, 0.3125
    expect(Array.from(halfFloats(bytes))).toEqual([0, 1, -2, 2 ** -24, 65504, 0.3125]);
  });

  it.each([[0.004, "below 1 %"], [0.015, "2 %"], [0.994, "99 %"], [0.996, "above 99 %"], [0.37, "37 %"]])(
    "says %d in words", (probability, words) => expect(percent(probability)).toBe(words),
  );
});

describe("files", () => {
  it("hash what they hold, whatever its order and blanks, and every digit of it", async () => {
    // python: hashlib.sha256(b'{"a":1.0,"b":[1e-05,"\\u00e9"]}').hexdigest()
    const expected = "00201952c991535809c83a443631c0a70da972bc178b8e8baf1b34eb4fbdd64c";
    expect(await digest('{ "b": [1e-05, "\\u00e9"],\n "sha256": "x", "a": 1.0 }')).toBe(expected);
    expect(await digest('{"a": 1, "b": [1e-05, "\\u00e9"]}')).not.toBe(expected);
  });

  it.each([0, 1, 2, 3, 4])("decode a PNG with filter %i", async (filter) => {
    const rows = [[10, 20, 30, 40, 50, 60], [11, 22, 33, 44, 55, 66]];
    const { data, width, height } = await decodePng(png(rows, filter));
    expect([width, height]).toEqual([2, 2]);
    expect(Array.from(data)).toEqual([10, 20, 30, 255, 40, 50, 60, 255, 11, 22, 33, 255, 44, 55, 66, 255]);
  });

  it("say that they are drawings", () => {
    const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    expect(isDrawn(bytes("\x89PNG\r\n\x1a\n....tEXtmpoxlens\0phantom...."))).toBe(true);
    expect(isDrawn(bytes("\x89PNG\r\n\x1a\n....IDAT"))).toBe(false);
    expect(isDrawn(bytes("\xff\xd8\xffmpoxlens\0phantom"))).toBe(false);
  });

  it.each([
    [640, 480, 1], [1279, 2000, 1], [1280, 1280, 2], [4032, 3024, 4], [8000, 6000, 8], [12000, 9000, 8], [100, 9000, 1],
  ])("of %i x %i are decoded at a step of %i", (width, height, step) => {
    expect(decodedSize(width, height)).toEqual({ width: Math.ceil(width / step), height: Math.ceil(height / step), step });
  });
});

/** A PNG of 2 x 2 pixels whose rows are filtered as the specification says. */
function png(rows: readonly (readonly number[])[], filter: number): Uint8Array<ArrayBuffer> {
  const filtered = rows.flatMap((row, y) => [filter, ...row.map((value, x) => {
    const [left, above] = [x < 3 ? 0 : (row[x - 3] ?? 0), y ? (rows[y - 1]?.[x] ?? 0) : 0];
    const corner = x < 3 || !y ? 0 : (rows[y - 1]?.[x - 3] ?? 0);
    const near = [left, above, corner].sort((a, b) => Math.abs(left + above - corner - a) - Math.abs(left + above - corner - b));
    const guess = [0, left, above, Math.floor((left + above) / 2), near[0] ?? 0][filter] ?? 0;
    return (value - guess + 256) % 256;
  })]);
  const header = [0, 0, 0, 2, 0, 0, 0, 2, 8, 2, 0, 0, 0];
  const parts = [[137, 80, 78, 71, 13, 10, 26, 10], chunk("IHDR", header), chunk("IDAT", [...deflateSync(Uint8Array.from(filtered))])];
  return Uint8Array.from(parts.flat());
}

function chunk(kind: string, data: readonly number[]): number[] {
  const length = [0, 0, 0, 0].map((_, n) => (data.length >> (24 - 8 * n)) & 255);
  return [...length, ...Array.from(kind, (letter) => letter.charCodeAt(0)), ...data, 0, 0, 0, 0];
}
