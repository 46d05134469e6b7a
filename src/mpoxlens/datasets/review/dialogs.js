// The windows over the page: choose from a list, look closely, hide a face, help.

import { $, box, element, fit, lines, photo } from "./show.js";

const LETTERS = "123456789abcdefghijklmnopqrstuvwxyz";

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the page's own keys rest meanwhile
    if (plain(event) && keys[dialog.id]?.(event)) event.preventDefault();
  });
}

export const plain = (event) => !event.ctrlKey && !event.metaKey && !event.altKey;
const typing = (event) => event.target.matches("input:not([type=range]), select, textarea");
const keys = {};

// Each option is {key, text, value, on}; `on` is undefined where nothing can be on. The window closes with the choice,
// unless `again` gives the options to go on with.
export function choose(title, options, take, another, again = null) {
  const pick = async (value) => {
    if (!again) $("choose").close(); // at once: the next key is meant for the page
    await take(value);
    if (again && $("choose").open) draw(again());
  };
  const draw = (given) => {
    const at = [...$("choices").children].indexOf(document.activeElement);
    $("choices").replaceChildren(...given.map((one) => element("button", {
      type: "button", "aria-pressed": one.on === undefined ? null : String(one.on), onclick: () => pick(one.value),
    }, element("kbd", {}, one.key.toUpperCase()), one.text)));
    $("choices").children[Math.max(at, 0)]?.focus();
    keys.choose = (event) => {
      if (typing(event)) return false;
      const found = given.find((one) => one.key === event.key.toLowerCase());
      if (found) pick(found.value);
      else if (event.key === "0" && another) $("other-text").focus();
      else return move(event);
      return true;
    };
  };
  $("choose-title").textContent = title;
  $("other").hidden = !another;
  $("other-text").value = "";
  $("other-text").setAttribute("aria-label", another);
  $("other").onsubmit = (event) => {
    event.preventDefault();
    const text = $("other-text").value.trim();
    $("other-text").value = "";
    if (text) pick(text);
  };
  $("choices").replaceChildren();
  $("choose").showModal();
  draw(options);
}

export const numbered = (names, on = () => undefined) => names.slice(0, LETTERS.length).map(
  (name, i) => ({ key: LETTERS[i], text: name, value: name, on: on(name) }));

function move(event) {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  const all = [...$("choices").children];
  if (step) all[(all.indexOf(document.activeElement) + step + all.length) % all.length]?.focus();
  return Boolean(step);
}

// One photograph as large as it goes; of several, another one laid upon it.
export function closely(current, all) {
  const best = (sha) => current.links.find((link) => link.other === sha)?.inliers ?? -1;
  const others = all.filter((one) => one !== current).sort((a, b) => best(b.sha256) - best(a.sha256));
  const number = (one) => all.indexOf(one) + 1;
  let at = 0, laid = true;
  const draw = () => {
    const other = others[at];
    $("below").onload = () => fit($("stage"), $("below"));
    $("below").src = photo(current.sha256, "large");
    $("below").alt = `Photograph ${number(current)}, labelled ${current.label}`;
    $("above").hidden = !other;
    $("closely-tools").hidden = !other;
    $("closely-text").textContent = `${current.label}, ${current.source}, ${current.name}`;
    if (!other) return;
    const title = `Photograph ${number(other)} upon ${number(current)}`;
    $("above").src = laid ? `laid/${current.sha256}/${other.sha256}` : photo(other.sha256, "large");
    $("above").alt = title;
    $("above").onload = () => { $("closely-text").textContent = `${title}, ${laid ? "laid to fit" : "stretched to its size"}`; };
    $("above").onerror = () => {
      if (laid) { press(false); $("closely-text").textContent = `${title}: nothing in them matches, stretched to its size`; }
      $("above").onload = null;
    };
    $("aligned").setAttribute("aria-pressed", String(laid));
    blend(1);
  };
  const blend = (value) => { $("blend").value = value; $("above").style.opacity = $("blend").value; };
  const press = (wanted) => { laid = wanted; draw(); };
  const next = (step) => { at = (at + step + others.length) % others.length; draw(); };
  $("flicker").onclick = () => blend(Number($("blend").value) > 0.5 ? 0 : 1);
  $("blend").oninput = () => blend($("blend").value);
  $("next-pair").onclick = () => next(1);
  $("next-pair").disabled = others.length < 2;
  $("aligned").onclick = () => press(!laid);
  const does = {
    " ": () => $("flicker").onclick(), l: () => press(!laid), ArrowRight: () => next(1), ArrowLeft: () => next(-1),
    ArrowUp: () => blend(Number($("blend").value) + 0.1), ArrowDown: () => blend(Number($("blend").value) - 0.1),
  };
  keys.closely = (event) => {
    if (event.key === " " && event.target.matches("button:not(#flicker)")) return false;
    if (!others.length || !does[event.key]) return false;
    does[event.key]();
    return true;
  };
  draw();
  $("closely").showModal();
  if (others.length) $("flicker").focus();
}

// `save(boxes)` and `remove(line)` return the photograph as it is after that.
export function hide(one, save, remove) {
  let [left, top, width, height] = [0.35, 0.3, 0.3, 0.3];
  const within = (value, low, high) => Math.min(Math.max(value, low), high);
  const text = () => [left, top, width, height].map((share) => share.toFixed(3)).join(" ");
  const draw = () => {
    $("canvas").querySelectorAll(".box").forEach((old) => old.remove());
    $("canvas").append(...one.faces.map((face) => box(face, "found")), ...lines(one, "hide").map((x) => box(x.value, "hides")),
      box(text(), "new"));
    $("take").disabled = !one.faces.length;
    $("hidden").replaceChildren(...lines(one, "hide").map((line, i) => element("li", {}, `Box ${i + 1}: ${line.value}`,
      element("button", { type: "button", "aria-label": `Show box ${i + 1} again`,
        onclick: async () => { one = await remove(line) ?? one; draw(); } }, "×"))));
  };
  const keep = async (boxes) => { if (boxes.length) one = await save(boxes) ?? one; draw(); };
  const nudge = (x, y, size) => {
    if (size) [width, height] = [within(width + x, 0.02, 1 - left), within(height + y, 0.02, 1 - top)];
    else [left, top] = [within(left + x, 0, 1 - width), within(top + y, 0, 1 - height)];
    draw();
  };
  const steps = { ArrowLeft: [-0.02, 0], ArrowRight: [0.02, 0], ArrowUp: [0, -0.02], ArrowDown: [0, 0.02] };
  keys.hide = (event) => {
    if (steps[event.key]) nudge(...steps[event.key], event.shiftKey);
    else if (event.key === "Enter" && !event.target.matches("button:not(#add)")) keep([text()]);
    else if (event.key.toLowerCase() === "b") keep(one.faces);
    else return false;
    return true;
  };
  $("canvas").onpointerdown = (event) => {
    const place = (at) => {
      const frame = $("canvas").getBoundingClientRect();
      return [within((at.clientX - frame.left) / frame.width, 0, 1), within((at.clientY - frame.top) / frame.height, 0, 1)];
    };
    const [x, y] = place(event);
    $("canvas").setPointerCapture(event.pointerId);
    $("canvas").onpointermove = (moved) => {
      const [to, down] = place(moved);
      [left, top] = [Math.min(x, to, 0.98), Math.min(y, down, 0.98)];
      [width, height] = [Math.max(Math.abs(to - x), 0.02), Math.max(Math.abs(down - y), 0.02)];
      draw();
    };
    $("canvas").onpointerup = () => { $("canvas").onpointermove = null; };
  };
  $("add").onclick = () => keep([text()]);
  $("take").onclick = () => keep(one.faces);
  $("face").onload = () => fit($("canvas"), $("face"));
  $("face").src = photo(one.sha256, "large");
  $("face").alt = `Photograph, labelled ${one.label}`;
  draw();
  $("hide").showModal();
  $("add").focus();
}

export function help(rows, meanings) {
  $("keys").replaceChildren(...rows.flatMap(([key, text]) => [
    element("dt", {}, ...key.split(" ").map((one) => element("kbd", {}, one))), element("dd", {}, text)]));
  $("meanings").replaceChildren(...Object.entries(meanings).flatMap(([flag, text]) => [
    element("dt", {}, flag), element("dd", {}, text)]));
  $("help").showModal();
}
