/** Finding a QR code in a picture: by the browser's own detector, else by a reader that is loaded when first needed. */

import { checkPixels, mostPixels, openImage } from "../ui/imageFile";
import { Problem } from "../ui/problems";

interface Detector {
  detect(picture: ImageBitmap): Promise<readonly { readonly rawValue: string }[]>;
}
type DetectorMaker = new (options: { readonly formats: readonly string[] }) => Detector;

const PATIENCE = 500; // ms; its own measure is a frame of a film, and slow phones would give up early
const SIDES = [800, 1600]; // px of the longer side; the first is quick, the second finds a code that is small in its picture

/** The text of the code in a picture, or null where there is none. Throws a `Problem` where it cannot be looked for. */
export async function findCode(file: File): Promise<string | null> {
  const { header } = await openImage(file);
  const picture = await createImageBitmap(file).catch(() => null);
  if (picture === null) throw new Problem("takeaway.read.cannot");
  try {
    checkPixels(picture.width, picture.height, file.name, mostPixels(header.format)); // a HEIC tells its size only now
    return (await detected(picture)) ?? (await read(picture));
  } finally {
    picture.close();
  }
}

/** The text of the code in some pixels, or null where there is none. `load` fetches the reader. */
export async function textIn(
  pixels: Pick<ImageData, "data" | "width" | "height">, load = () => import("qr/decode.js"),
): Promise<string | null> {
  const { decodeQR } = await load().catch(() => {
    throw new Problem("takeaway.read.no_reader"); // the network is off, and the page is not kept whole
  });
  try {
    return decodeQR(pixels, { timeLimit: PATIENCE });
  } catch {
    return null; // it throws where it finds none
  }
}

/** Some browsers have the detector without what it stands on; then it rejects, or finds nothing. */
async function detected(picture: ImageBitmap): Promise<string | null> {
  const maker = (globalThis as { readonly BarcodeDetector?: DetectorMaker }).BarcodeDetector;
  if (maker === undefined) return null;
  try {
    const codes = await new maker({ formats: ["qr_code"] }).detect(picture);
    const ours = codes.find(({ rawValue }) => rawValue.toUpperCase().startsWith("MPOXLENS:"));
    return ours?.rawValue ?? codes[0]?.rawValue ?? null;
  } catch {
    return null;
  }
}

async function read(picture: ImageBitmap): Promise<string | null> {
  const whole = Math.max(picture.width, picture.height);
  for (const side of SIDES.filter((one, n) => n === 0 || whole > (SIDES[n - 1] ?? one))) {
    const text = await textIn(reduced(picture, Math.min(1, side / whole)));
    if (text !== null) return text;
  }
  return null;
}

function reduced(picture: ImageBitmap, scale: number): ImageData {
  const [width, height] = [Math.max(1, Math.round(scale * picture.width)), Math.max(1, Math.round(scale * picture.height))];
  const pen = new OffscreenCanvas(width, height).getContext("2d");
  if (pen === null) throw new Error("no canvas can be drawn on");
  pen.fillStyle = "white"; // a code saved without its paper is black on nothing
  pen.fillRect(0, 0, width, height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, width, height);
  return pen.getImageData(0, 0, width, height);
}
