/**
 * Pillow's 8-bit resampling, in its own fixed-point arithmetic, so that page and command line see the same pixels.
 *
 * Source: Pillow 13, src/libImaging/Resample.c and Reduce.c; `Image.resize` and `Image.thumbnail` in Image.py.
 */

export interface Raster {
  readonly data: Uint8Array | Uint8ClampedArray; // [H, W, stride], RGB first
  readonly width: number;
  readonly height: number;
  readonly stride: 3 | 4; // values a pixel; a fourth is passed over
}

interface Filter {
  readonly support: number;
  weight(x: number): number;
}

export const BILINEAR: Filter = { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };
export const BOX: Filter = { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };

const PRECISION = 22; // bits after the point of a coefficient: 32 - 8 of a pixel - 2 of head room
const HALF = 1 << (PRECISION - 1);

interface Taps {
  readonly starts: Int32Array; // [out]
  readonly counts: Int32Array; // [out]
  readonly weights: Int32Array; // [out, most]
  readonly most: number;
}

/** Resize to [height, width, 3]; by whole steps first where that leaves `gap` times the target. */
export function resize(image: Raster, width: number, height: number, filter: Filter, gap: number): Raster {
  if (image.width === width && image.height === height) return withoutAlpha(image);
  const stepX = Math.trunc(image.width / width / gap) || 1;
  const stepY = Math.trunc(image.height / height / gap) || 1;
  if (stepX === 1 && stepY === 1) return resample(image, width, height, filter, image.width, image.height);
  const small = reduce(image, stepX, stepY);
  return resample(small, width, height, filter, Math.fround(image.width / stepX), Math.fround(image.height / stepY));
}

/** Shrink to fit a square, keeping the shape; a smaller image stays as it is. */
export function thumbnail(image: Raster, side: number, filter: Filter): Raster {
  if (image.width <= side && image.height <= side) return withoutAlpha(image);
  const aspect = image.width / image.height;
  const [width, height] =
    aspect <= 1
      ? [nearer(side * aspect, (n) => Math.abs(aspect - n / side)), side]
      : [side, nearer(side / aspect, (n) => (n === 0 ? 0 : Math.abs(aspect - side / n)))];
  return resize(image, width, height, filter, 2);
}

/** Average blocks of stepX x stepY; those at the right and lower edge may be smaller. */
export function reduce(image: Raster, stepX: number, stepY: number): Raster {
  const width = Math.ceil(image.width / stepX);
  const height = Math.ceil(image.height / stepY);
  const data = new Uint8Array(width * height * 3);
  const sums = new Uint32Array(width * 3);
  for (let y = 0; y < height; y++) {
    const rows = Math.min(stepY, image.height - y * stepY);
    sums.fill(0);
    for (let row = 0; row < rows; row++) addRow(image, y * stepY + row, stepX, sums);
    averageRow(sums, data.subarray(y * width * 3), image.width, stepX, rows);
  }
  return { data, width, height, stride: 3 };
}

/** ITU-R BT.601 grey levels [H, W], as Pillow's mode "L". */
export function luma(image: Raster): Uint8Array {
  const grey = new Uint8Array(image.width * image.height);
  const { data, stride } = image;
  for (let n = 0, p = 0; n < grey.length; n++, p += stride) {
    const warm = 19595 * (data[p] as number) + 38470 * (data[p + 1] as number);
    grey[n] = (warm + 7471 * (data[p + 2] as number) + 0x8000) >>> 16;
  }
  return grey;
}

function addRow(image: Raster, row: number, step: number, sums: Uint32Array): void {
  const { data, width, stride } = image;
  let from = row * width * stride;
  for (let x = 0, to = 0; x < width; to += 3)
    for (const end = Math.min(width, x + step); x < end; x++, from += stride) {
      sums[to] = (sums[to] as number) + (data[from] as number);
      sums[to + 1] = (sums[to + 1] as number) + (data[from + 1] as number);
      sums[to + 2] = (sums[to + 2] as number) + (data[from + 2] as number);
    }
}

function averageRow(sums: Uint32Array, to: Uint8Array, width: number, step: number, rows: number): void {
  const whole = Math.floor(width / step) * 3;
  for (let n = 0; n < sums.length; n++) {
    const count = rows * (n < whole ? step : width % step);
    const multiplier = Math.trunc(Math.fround(2 ** 32 / Math.fround(256 * count))); // single precision, as in C
    to[n] = Math.floor((((sums[n] as number) + Math.floor(count / 2)) * multiplier) / 2 ** 24);
  }
}

/**
 * Two passes. `spanX` and `spanY` may end inside the last pixel after a reduction.
 *
 * Columns go first where that takes away more than twice as many rows as the other way would take columns. Pillow 13
 * does so (found by trying it on 4,000 sizes; older versions always begin with the rows): one level in a few pixels.
 */
function resample(
  image: Raster, width: number, height: number, filter: Filter, spanX: number, spanY: number,
): Raster {
  const across = (from: Raster) =>
    width === from.width && spanX === width ? withoutAlpha(from) : horizontal(from, width, spanX, filter);
  const down = (from: Raster) =>
    height === from.height && spanY === height ? from : vertical(from, height, spanY, filter);
  const less = image.height - height;
  return less > 0 && less > 2 * (image.width - width) ? across(down(withoutAlpha(image))) : down(across(image));
}

/** Where each of `out` pixels begins to read, and its weights, which sum to 1; `span` is the part of `size` covered. */
export function* weightsOf(size: number, span: number, out: number, filter: Filter): Generator<[number, number[]]> {
  const scale = span / out;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  for (let n = 0; n < out; n++) {
    const centre = (n + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(size, Math.trunc(centre + support + 0.5)) - start;
    const raw = Array.from({ length: count }, (_, k) => filter.weight((k + start - centre + 0.5) * (1 / stretch)));
    const total = raw.reduce((a, b) => a + b, 0);
    yield [start, total ? raw.map((w) => w / total) : raw];
  }
}

function taps(size: number, span: number, out: number, filter: Filter): Taps {
  const most = Math.ceil(filter.support * Math.max(span / out, 1)) * 2 + 1;
  const found = { starts: new Int32Array(out), counts: new Int32Array(out), weights: new Int32Array(out * most), most };
  let n = 0;
  for (const [start, weights] of weightsOf(size, span, out, filter)) {
    found.starts[n] = start;
    found.counts[n] = weights.length;
    found.weights.set(weights.map((w) => Math.trunc(0.5 + w * 2 ** PRECISION)), n * most);
    n++;
  }
  return found;
}

function horizontal(image: Raster, width: number, span: number, filter: Filter): Raster {
  const { starts, counts, weights, most } = taps(image.width, span, width, filter);
  const data = new Uint8Array(width * image.height * 3);
  const { data: source, stride } = image;
  for (let y = 0, to = 0; y < image.height; y++)
    for (let x = 0; x < width; x++, to += 3) {
      let from = (y * image.width + (starts[x] as number)) * stride;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let k = x * most, end = k + (counts[x] as number); k < end; k++, from += stride) {
        const weight = weights[k] as number;
        red = (red + Math.imul(source[from] as number, weight)) | 0;
        green = (green + Math.imul(source[from + 1] as number, weight)) | 0;
        blue = (blue + Math.imul(source[from + 2] as number, weight)) | 0;
      }
      data[to] = clipped(red);
      data[to + 1] = clipped(green);
      data[to + 2] = clipped(blue);
    }
  return { data, width, height: image.height, stride: 3 };
}

function vertical(image: Raster, height: number, span: number, filter: Filter): Raster {
  const { starts, counts, weights, most } = taps(image.height, span, height, filter);
  const row = image.width * 3;
  const source = image.data;
  const data = new Uint8Array(row * height);
  const sums = new Int32Array(row);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    for (let k = 0, from = (starts[y] as number) * row; k < (counts[y] as number); k++, from += row) {
      const weight = weights[y * most + k] as number;
      for (let n = 0; n < row; n++) sums[n] = (sums[n] as number) + Math.imul(source[from + n] as number, weight);
    }
    for (let n = 0; n < row; n++) data[y * row + n] = clipped(sums[n] as number);
  }
  return { data, width: image.width, height, stride: 3 };
}

function clipped(sum: number): number {
  const level = sum >> PRECISION;
  return level < 0 ? 0 : level > 255 ? 255 : level;
}

function nearer(value: number, distance: (n: number) => number): number {
  const [down, up] = [Math.floor(value), Math.ceil(value)];
  return Math.max(distance(up) < distance(down) ? up : down, 1);
}

function withoutAlpha(image: Raster): Raster {
  if (image.stride === 3) return image;
  const data = new Uint8Array(image.width * image.height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = image.data[from] as number;
    data[to + 1] = image.data[from + 1] as number;
    data[to + 2] = image.data[from + 2] as number;
  }
  return { ...image, data, stride: 3 };
}
