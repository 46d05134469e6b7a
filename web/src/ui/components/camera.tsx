/** The camera with its frame and one hint at a time. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Key } from "../../i18n";
import { cameraProblem, hint, openCamera, stop, watch, type Side } from "../camera";
import { fromVideo, type Shot } from "../shots";
import { t } from "../words";

interface Props {
  readonly onShot: (read: () => Promise<Shot>) => Promise<void>; // says itself what goes wrong
  readonly onClose: () => void;
}

export function CameraView({ onShot, onClose }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  const [side, setSide] = useState<Side>("environment");
  const [problem, setProblem] = useState<Key | null>(null);
  const [busy, setBusy] = useState(false);
  useCamera(video, side, setProblem);

  const shoot = async () => {
    const shown = video.current;
    if (shown === null || shown.videoWidth === 0) return;
    setBusy(true);
    await onShot(() => fromVideo(shown));
    setBusy(false);
  };
  if (problem !== null)
    return (
      <div class="notice problem" role="alert">
        <p>{t(problem)}</p>
        <button type="button" class="small-button" onClick={onClose}>{t("ui.close")}</button>
      </div>
    );
  return (
    <section class="camera">
      <div class="finder">
        <video ref={video} playsInline muted autoPlay aria-label={t("ui.photo.live")} />
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
          <path d="M8 24V8h16M76 8h16v16M92 76v16H76M24 92H8V76" />
        </svg>
        <p class={hint.value === "ui.hint.good" ? "hint good" : "hint"} role="status">{hint.value && t(hint.value)}</p>
      </div>
      <div class="choices">
        <button type="button" class="main-button" disabled={busy} onClick={() => void shoot()}>{t("ui.photo.shoot")}</button>
        <button type="button" onClick={() => setSide(side === "user" ? "environment" : "user")}>{t("ui.photo.turn")}</button>
        <button type="button" onClick={onClose}>{t("ui.photo.close")}</button>
      </div>
    </section>
  );
}

/** Keep the camera of one side open while the view is shown. */
function useCamera(
  video: { readonly current: HTMLVideoElement | null }, side: Side, failed: (why: Key) => void,
): void {
  useEffect(() => {
    let ended = false;
    let close: () => void = () => undefined;
    const open = async () => {
      const stream = await openCamera(side);
      const shown = video.current;
      if (ended || shown === null) {
        stop(stream);
        return;
      }
      stream.getVideoTracks()[0]?.addEventListener("ended", () => failed("ui.camera.ended"));
      shown.srcObject = stream;
      const unwatch = watch(shown);
      close = () => { unwatch(); stop(stream); };
    };
    open().catch((error: unknown) => failed(cameraProblem(error)));
    return () => { ended = true; close(); };
  }, [side]);
}
