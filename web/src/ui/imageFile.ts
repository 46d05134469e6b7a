/** A picture's file, looked at before anything of it is decoded: what is no picture, or too large, is refused. */

import rules from "../tables/rules.json";
import { readHeader, type Format, type Header } from "./imageHeader";
import { Problem } from "./problems";

const { MAX_BYTES, MAX_PIXELS, MAX_RAW_PIXELS, MIN_SIDE } = rules.photo;

export interface ImageFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly header: Header;
}

/** Read a file that a person chose. Throws a `Problem` that says what is wrong with it. */
export async function openImage(file: File): Promise<ImageFile> {
  if (file.size > MAX_BYTES)
    throw new Problem("ui.file.bytes", { file: file.name, n: Math.round(file.size / 2 ** 20), most: MAX_BYTES / 2 ** 20 });
  const bytes = new Uint8Array(await file.arrayBuffer());
  const header = readHeader(bytes);
  checkHeader(header, bytes.length, file.name);
  return { bytes, header };
}

/** Refuse a picture of more pixels than its format may have; for this device, `most` may be less. */
export function checkPixels(width: number, height: number, file: string, most: number): void {
  if (width * height <= most) return;
  throw new Problem("ui.file.pixels", { file, n: Math.ceil((width * height) / 1e6), most: most / 1e6 });
}

/** As in Python: only a JPEG can be decoded at a reduced scale, so only there may a photo be larger. */
export function mostPixels(format: Format): number {
  return format === "jpeg" ? MAX_PIXELS : MAX_RAW_PIXELS;
}

function checkHeader({ format, moving, width, height }: Header, bytes: number, file: string): void {
  if (bytes === 0) throw new Problem("ui.file.empty", { file });
  if (format === "other") throw new Problem("ui.file.format", { file });
  if (moving) throw new Problem("ui.file.moving", { file });
  checkPixels(width, height, file, mostPixels(format));
  const side = Math.min(width, height);
  if (format !== "heic" && side === 0) throw new Problem("ui.file.damaged", { file });
  if (format !== "heic" && side < MIN_SIDE) throw new Problem("ui.file.tiny", { file, n: side });
}
