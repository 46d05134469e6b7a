/** Codes that we draw, photographed badly: turned, tilted, blurred, in uneven light and with noise. */

import { describe, expect, it } from "vitest";

import { findCode, textIn } from "../../src/takeaway/findCode";
import { codePath } from "../../src/takeaway/qr";

const CODE = "MPOXLENS:1:0.1.0:L:8125:7000:9000:A1B2C3D4E5F60708:20261122T164500Z:6E2E4E66A7A9C043";
const SIDE = 480; // px of the picture

interface Shot {
  readonly turned: number; // degrees
  readonly module: number; // px
  readonly blur: number; // px to each side
  readonly tilt: number; // by how much the far side is smaller
}

/** The code's dark modules as a picture of white and black. */
function drawing(text: string): (x: number, y: number) => number {
  const { path, side } = codePath(text);
  const dark = new Set([...path.matchAll(/M(\d+) (\d+)h1v1h-1z/g)].map(([, x, y]) => Number(y) * side + Number(x)));
  return (x, y) => {
    const [column, row] = [Math.floor(x + side / 2), Math.floor(y + side / 2)];
    if (column < 0 || row < 0 || column >= side || row >= side) return 200;
    return dark.has(row * side + column) ? 20 : 235;
  };
}

function photographed(text: string, { turned, module, blur, tilt }: Shot): ImageData {
  const code = drawing(text);
  const [sine, cosine] = [Math.sin((turned * Math.PI) / 180), Math.cos((turned * Math.PI) / 180)];
  const grey = Array.from({ length: SIDE * SIDE }, (_, n) => {
    const depth = 1 + (tilt * (Math.floor(n / SIDE) - SIDE / 2)) / SIDE;
    const [x, y] = [((n % SIDE) - SIDE / 2) / module / depth, (Math.floor(n / SIDE) - SIDE / 2) / module / depth];
    return code(cosine * x + sine * y, cosine * y - sine * x);
  });
  return pixels(blurred(blurred(grey, blur, 1), blur, SIDE));
}

/** The mean of the samples within `reach` along rows (step 1) or columns (step SIDE). */
function blurred(grey: readonly number[], reach: number, step: number): number[] {
  return grey.map((_, n) => {
    const near = Array.from({ length: 2 * reach + 1 }, (_one, k) => grey[n + (k - reach) * step] ?? 200);
    return near.reduce((a, b) => a + b) / near.length;
  });
}

/** Half as bright at the left as at the right, with noise that is the same in each run. */
function pixels(grey: readonly number[]): ImageData {
  let seed = 1;
  const noise = () => (seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5;
  const data = new Uint8ClampedArray(4 * SIDE * SIDE).fill(255);
  grey.forEach((level, n) => data.fill(level * (0.5 + (0.5 * (n % SIDE)) / SIDE) + 20 * noise(), 4 * n, 4 * n + 3));
  return { data, width: SIDE, height: SIDE } as ImageData;
}

describe("a code in a photo", () => {
  it.each([
    ["as it is", { turned: 0, module: 8, blur: 0, tilt: 0 }],
    ["upside down and small", { turned: 180, module: 4, blur: 0, tilt: 0 }],
    ["turned and not sharp", { turned: 33, module: 7, blur: 2, tilt: 0 }],
    ["turned, tilted and not sharp", { turned: -70, module: 6, blur: 1, tilt: 0.2 }],
  ])("is read %s", async (_, shot) => {
    expect(await textIn(photographed(CODE, shot))).toBe(CODE);
  });

  it("is not found where there is none, or where nothing is left of it", async () => {
    expect(await textIn(pixels(new Array<number>(SIDE * SIDE).fill(180)))).toBeNull();
    expect(await textIn(photographed(CODE, { turned: 10, module: 3, blur: 8, tilt: 0 }))).toBeNull();
  });
});

describe("a picture in which no code can be looked for", () => {
  const png = (width: number, height: number) => {
    const bytes = new Uint8Array(64);
    bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);
    new DataView(bytes.buffer).setUint32(16, width);
    new DataView(bytes.buffer).setUint32(20, height);
    return new File([bytes], "code.png");
  };

  it("is refused by its header, before it is decoded", async () => {
    await expect(findCode(png(30_000, 20_000))).rejects.toMatchObject({ key: "ui.file.pixels", values: { n: 600 } });
    await expect(findCode(new File(["no picture at all"], "a.txt"))).rejects.toMatchObject({ key: "ui.file.format" });
    await expect(findCode(new File([], "a.png"))).rejects.toMatchObject({ key: "ui.file.empty" });
  });

  it("is told of where the reader cannot be loaded", async () => {
    const off = () => Promise.reject(new TypeError("Failed to fetch dynamically imported module"));
    await expect(textIn(pixels(new Array<number>(SIDE * SIDE).fill(180)), off)).rejects.toMatchObject({ key: "takeaway.read.no_reader" });
  });
});
