/** The photos of a person: decoded to pixels, shown from a copy without metadata, and judged by the gate. */

import { hex } from "../core/numbers";
import { decodedSize, isDrawn } from "../core/photo";
import type { Gate, PhotoInput } from "../core/schema";
import { clinic } from "./clinic";
import { showsFace } from "./faces";
import { checkPixels, mostPixels, openImage } from "./imageFile";
import type { Header } from "./imageHeader";
import { isSafe, Problem, unsafe } from "./problems";

export interface Shot {
  readonly id: number;
  readonly photo: PhotoInput;
  readonly url: string; // of a copy of at most SHOWN_SIDE, re-encoded
  readonly gate: Gate | null; // null while the gate looks, or where it could not
  readonly face: boolean;
}

const SHOWN_SIDE = 768; // px of the longer side of the copy that is shown
let count = 0;

/** Read a photo that the person chose. Throws a `Problem` that says what is wrong with the file. */
export async function fromFile(file: File): Promise<Shot> {
  if (!isSafe()) throw unsafe();
  const { bytes, header } = await openImage(file);
  const { pixels, width, height } = await decode(file, header);
  const sha256 = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  return toShot({ pixels, sha256, width, height, drawn: isDrawn(bytes) });
}

/** Take what a camera shows now. */
export async function fromVideo(video: HTMLVideoElement): Promise<Shot> {
  const pixels = pixelsOf(video, video.videoWidth, video.videoHeight);
  const sha256 = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", pixels.data)));
  return toShot({ pixels, sha256, width: pixels.width, height: pixels.height });
}

/** The pixels of a picture, reduced so that neither side is longer than `most`. */
export function smallPixels(video: HTMLVideoElement, most: number): ImageData {
  const scale = Math.min(1, most / Math.max(video.videoWidth, video.videoHeight));
  return pixelsOf(video, Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale));
}

export function drop(shot: Shot): void {
  URL.revokeObjectURL(shot.url);
}

async function decode(file: File, header: Header): Promise<{ pixels: ImageData; width: number; height: number }> {
  const url = URL.createObjectURL(file);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const { naturalWidth: width, naturalHeight: height } = image; // as turned upright by EXIF
    checkPixels(width, height, file.name, mostPixels(header.format));
    const size = decodedSize(width, height);
    return { pixels: pixelsOf(image, size.width, size.height), width, height };
  } catch (error) {
    if (error instanceof Problem) throw error;
    checkPixels(header.width, header.height, file.name, mostPixels("other")); // too many for this device
    throw new Problem(header.format === "heic" ? "ui.file.heic" : "ui.file.damaged", { file: file.name });
  } finally {
    URL.revokeObjectURL(url);
  }
}

function pixelsOf(picture: CanvasImageSource, width: number, height: number): ImageData {
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (pen === null) throw new Problem("ui.problem.unforeseen");
  pen.fillStyle = "white"; // transparency lies on white, as in Python
  pen.fillRect(0, 0, width, height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, width, height);
  return pen.getImageData(0, 0, width, height);
}

async function toShot(photo: PhotoInput & { readonly pixels: ImageData }): Promise<Shot> {
  const [url, gate, face] = await Promise.all([shownCopy(photo.pixels), quality(photo), showsFace(photo.pixels)]);
  return { id: ++count, photo, url, gate, face };
}

async function quality(photo: PhotoInput): Promise<Gate | null> {
  try {
    return await clinic.quality(photo);
  } catch {
    return null; // the clinic itself cannot start, which the screen says
  }
}

async function shownCopy(pixels: ImageData): Promise<string> {
  return URL.createObjectURL(await encoded(pixels, SHOWN_SIDE));
}

/** A JPEG of the pixels, at most `most` px a side; whatever the file told of the camera or the place is gone. */
export async function encoded(pixels: ImageData, most: number): Promise<Blob> {
  const scale = Math.min(1, most / Math.max(pixels.width, pixels.height));
  const whole = new OffscreenCanvas(pixels.width, pixels.height);
  whole.getContext("2d")?.putImageData(pixels, 0, 0);
  const small = new OffscreenCanvas(Math.round(pixels.width * scale), Math.round(pixels.height * scale));
  small.getContext("2d")?.drawImage(whole, 0, 0, small.width, small.height);
  return small.convertToBlob({ type: "image/jpeg", quality: 0.85 });
}
