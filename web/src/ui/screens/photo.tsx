/** Photos: by the camera or from files, each judged at once so that a bad one can be taken again. */

import { useState } from "preact/hooks";
import { CameraView } from "../components/camera";
import { Again } from "../components/again";
import { ShotCard } from "../components/shotCard";
import { Problem } from "../problems";
import { fromFile, type Shot } from "../shots";
import { go, MOST_SHOTS, problems, reading, shots, started, takeIn } from "../state";
import { plural, t } from "../words";

export function PhotoScreen() {
  const [camera, setCamera] = useState(false);
  const full = shots.value.length >= MOST_SHOTS;
  return (
    <>
      <h1 tabIndex={-1}>{t("ui.photo.title")}</h1>
      <p>{t("ui.photo.lead")}</p>
      <p class="reminder">{t("ui.photo.face")}</p>
      {camera && !full && <CameraView onShot={(read) => takeIn([read])} onClose={() => setCamera(false)} />}
      {!full && (
        <div class="choices">
          {!camera && (
            <button type="button" class={shots.value.length ? "" : "main-button"} onClick={() => setCamera(true)}>
              {t("ui.photo.camera")}
            </button>
          )}
          <FileChoice />
        </div>
      )}
      <div role="alert">{problems.value.map((one, n) => <p key={n} class="notice problem">{t(one.key, one.values)}</p>)}</div>
      <p class="small soft count" role="status">{said(full)}</p>
      <ul class="plain shots">{shots.value.map((shot, n) => <ShotCard key={shot.id} shot={shot} n={n + 1} />)}</ul>
      <div class="onward">
        <button type="button" class={shots.value.length ? "main-button" : ""} onClick={() => go("questions")}>
          {shots.value.length ? t("ui.next") : t("ui.skip")}
        </button>
        <button type="button" class="quiet" onClick={() => go("start")}>{t("ui.back")}</button>
        {started.value && <Again />}
      </div>
    </>
  );
}

function FileChoice() {
  return (
    <label class="button-like">
      {t("ui.photo.file")}
      <input
        type="file" accept="image/*" multiple class="unseen"
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = ""; // so that the same file can be chosen again
          void takeIn(files.map((file) => () => read(file)));
        }}
      />
    </label>
  );
}

function said(full: boolean): string {
  if (reading.value) return t("ui.photo.checking");
  if (full) return t("ui.photo.full", { n: shots.value.length });
  const count = shots.value.length;
  return count ? `${plural("ui.photo.added", count)} ${t("ui.photo.more")}` : "";
}

async function read(file: File): Promise<Shot> {
  try {
    return await fromFile(file);
  } catch (error) {
    throw error instanceof Problem ? error : new Problem("ui.file.damaged", { file: file.name });
  }
}
