/** Photos: by the camera or from files, each judged at once so that a bad one can be taken again. */

import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { CameraView } from "../components/camera";
import { Again } from "../components/again";
import { ShotCard } from "../components/shotCard";
import { Problem } from "../problems";
import { fromFile, type Shot } from "../shots";
import { go, MOST_SHOTS, shots, started } from "../state";
import { plural, t } from "../words";

const problems = signal<readonly string[]>([]);
const reading = signal(false);

export function PhotoScreen() {
  const [camera, setCamera] = useState(false);
  const full = shots.value.length >= MOST_SHOTS;
  return (
    <>
      <h1 tabIndex={-1}>{t("ui.photo.title")}</h1>
      <p>{t("ui.photo.lead")}</p>
      <p class="reminder">{t("ui.photo.face")}</p>
      {camera && !full && <CameraView onShot={add} onClose={() => setCamera(false)} />}
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
      <div role="alert">{problems.value.map((text) => <p key={text} class="notice problem">{text}</p>)}</div>
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
          void addFiles(files);
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

function add(shot: Shot): void {
  shots.value = [...shots.value, shot];
  problems.value = [];
}

async function addFiles(files: readonly File[]): Promise<void> {
  [reading.value, problems.value] = [true, []];
  for (const file of files.slice(0, MOST_SHOTS - shots.value.length)) {
    try {
      shots.value = [...shots.value, await fromFile(file)];
    } catch (error) {
      const text = error instanceof Problem ? t(error.key, error.values) : t("ui.file.damaged", { file: file.name });
      problems.value = [...problems.value, text];
    }
  }
  reading.value = false;
}
