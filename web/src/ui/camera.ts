/** The camera: open it, say in words why it will not open, and hint at what would make a better picture. */

import { signal } from "@preact/signals";
import type { Gate } from "../core/schema";
import type { Key } from "../i18n";
import { clinic } from "./clinic";
import { smallPixels } from "./shots";

export type Side = "environment" | "user";
export const hint = signal<Key | null>(null);

const PAUSE = 350; // ms between two looks: a hint that changes faster cannot be read
const LOOK_SIDE = 512; // px; the gate looks at a copy of half this side
const HINTS: Readonly<Record<string, Key>> = {
  too_dark: "ui.hint.dark",
  too_bright: "ui.hint.bright",
  no_detail: "ui.hint.empty",
  no_skin: "ui.hint.far",
  blurred: "ui.hint.blurred",
};

/** Open the camera of a side, or throw what the browser said. */
export async function openCamera(side: Side): Promise<MediaStream> {
  const devices = navigator.mediaDevices as MediaDevices | undefined; // absent at an unsafe address
  if (devices === undefined) throw new DOMException("no safe address", "SecurityError");
  const video = { facingMode: { ideal: side }, width: { ideal: 1920 }, height: { ideal: 1440 } };
  return devices.getUserMedia({ audio: false, video });
}

export function stop(stream: MediaStream): void {
  stream.getTracks().forEach((track) => track.stop());
}

/** Why a camera did not open, as a text for the reader. */
export function cameraProblem(error: unknown): Key {
  const name = error instanceof Error ? error.name : "";
  if (name === "SecurityError") return "ui.camera.unsafe";
  if (name === "NotAllowedError") return "ui.camera.refused";
  if (name === "NotReadableError" || name === "AbortError") return "ui.camera.busy";
  return "ui.camera.none";
}

/** Look at what the camera shows again and again until told to stop. */
export function watch(video: HTMLVideoElement): () => void {
  let timer = 0;
  const look = async (): Promise<void> => {
    if (video.videoWidth > 0) hint.value = await hintFor(video);
    if (timer !== -1) timer = window.setTimeout(() => void look(), PAUSE);
  };
  void look();
  return () => {
    clearTimeout(timer);
    [timer, hint.value] = [-1, null];
  };
}

async function hintFor(video: HTMLVideoElement): Promise<Key | null> {
  try {
    return hintOf(await clinic.quality({ pixels: smallPixels(video, LOOK_SIDE) }));
  } catch {
    return null; // without the clinic there are no hints, and the camera works all the same
  }
}

/** The one thing to change first; light comes before sharpness, because a dark picture is never sharp. */
export function hintOf(gate: Gate): Key {
  const code = gate.reasons.map((reason) => HINTS[reason.code]).find((key) => key !== undefined);
  return code ?? "ui.hint.good";
}
