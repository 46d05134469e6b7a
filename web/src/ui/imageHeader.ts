/** What the first bytes of a file tell of a picture, so that nothing too large is ever decoded. */

export type Format = "jpeg" | "png" | "webp" | "heic" | "other";
export interface Header {
  readonly format: Format;
  readonly width: number; // px as stored; 0 where the format does not tell
  readonly height: number;
  readonly moving: boolean;
}

const HEIC = ["heic", "heix", "heim", "heis", "hevc", "mif1", "msf1"];
const unknown = (format: Format): Header => ({ format, width: 0, height: 0, moving: false });

/** Read the header of a file's bytes; a file that is cut short gives a size of 0. */
export function readHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 4 && view.getUint16(0) === 0xffd8) return jpeg(view);
  if (bytes.length >= 24 && view.getUint32(0) === 0x89504e47) return png(view);
  if (bytes.length >= 30 && ascii(view, 0) === "RIFF" && ascii(view, 8) === "WEBP") return webp(view);
  if (bytes.length >= 12 && ascii(view, 4) === "ftyp" && HEIC.includes(ascii(view, 8))) return unknown("heic");
  return unknown("other");
}

/** Walk the segments to the frame header (SOF), as ITU-T T.81, annex B, lays them out. */
function jpeg(view: DataView): Header {
  let at = 2;
  while (at + 9 < view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame)
      return { format: "jpeg", height: view.getUint16(at + 5), width: view.getUint16(at + 7), moving: false };
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  return unknown("jpeg");
}

/** IHDR comes first; an acTL chunk before the pixels makes it a moving picture. */
function png(view: DataView): Header {
  let at = 8;
  let moving = false;
  while (at + 8 <= view.byteLength && ascii(view, at + 4) !== "IDAT") {
    moving ||= ascii(view, at + 4) === "acTL";
    at += 12 + view.getUint32(at);
  }
  return { format: "png", width: view.getUint32(16), height: view.getUint32(20), moving };
}

/** VP8X, VP8L or VP8 with its key frame, as RFC 9649 lays them out. */
function webp(view: DataView): Header {
  const kind = ascii(view, 12);
  if (kind === "VP8X") {
    const side = (at: number) => 1 + view.getUint16(at, true) + (view.getUint8(at + 2) << 16);
    return { format: "webp", width: side(24), height: side(27), moving: (view.getUint8(20) & 2) !== 0 };
  }
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return { format: "webp", width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff), moving: false };
  }
  const side = (at: number) => view.getUint16(at, true) & 0x3fff;
  return { format: "webp", width: side(26), height: side(28), moving: false };
}

function ascii(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((n) => (at + n < view.byteLength ? view.getUint8(at + n) : 0)));
}
