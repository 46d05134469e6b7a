// Draws what the server sent. Text goes in as text, never as markup: names of files and labels may hold anything.

export const $ = (id) => document.getElementById(id);

export function element(name, given = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "class") made.className = value;
    else if (value !== false && value !== null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

export const photo = (sha, size) => `photo/${sha}/${size}`;

// A box as the decisions file holds it: left, top, width, height in shares of the sides.
export function box(text, kind) {
  const [left, top, width, height] = text.split(" ").map(Number);
  const made = element("span", { class: `box ${kind}`, "aria-hidden": "true" });
  Object.assign(made.style, {
    left: `${left * 100}%`, top: `${top * 100}%`, width: `${width * 100}%`, height: `${height * 100}%`,
  });
  return made;
}

export const lines = (one, action) => one.lines.filter((line) => line.action === action);

export function said(verdict) {
  if (!verdict) return "not decided";
  if (verdict.action === "relabel") return `relabelled ${verdict.value}`;
  return (verdict.action === "drop" ? `dropped: ${verdict.reason}` : "kept");
}

export function header(start, view) {
  $("who").textContent = `by ${start.reviewer}, to ${start.file}`;
  const title = (kind) => `${kind.title} (${kind.decided} of ${kind.of})`;
  $("kind").replaceChildren(
    new Option("All, in the order of need", ""), ...view.kinds.map((kind) => new Option(title(kind), kind.kind)),
  );
  $("kind").value = view.kind;
  $("label").replaceChildren(new Option("Any", ""), ...start.labels.map((label) => new Option(label, label)));
  $("label").value = view.label;
  $("bar").max = Math.max(view.of, 1);
  $("bar").value = view.decided;
  $("count").textContent = `${view.decided} of ${view.of} decided`;
  $("notes").hidden = !start.notes.length;
  $("notes").querySelector("ul").replaceChildren(...start.notes.map((note) => element("li", {}, note)));
}

export function item(view, meanings, events) {
  const shown = view.item;
  document.title = shown ? `${view.at + 1} of ${view.of} · Review` : "Review";
  $("title").textContent = shown ? shown.title : "";
  $("text").textContent = shown ? shown.text || shown.photographs[0].label : "Nothing of this kind and label";
  const all = shown ? shown.photographs : [];
  $("photographs").className = ["", "one", "two"][all.length] || "";
  $("photographs").replaceChildren(...all.map((one, i) => photograph(one, i, all, meanings, events)));
}

function photograph(one, i, all, meanings, events) {
  const verdict = one.verdict;
  const label = `Photograph ${i + 1} of ${all.length}: ${one.label}, ${one.source}, ${one.width} by ${one.height}, ${said(verdict)}`;
  const image = element("img", {
    src: photo(one.sha256, all.length < 3 ? "large" : "small"), alt: `Photograph ${i + 1}, labelled ${one.label}`,
  });
  const frame = element("span", { class: "image" }, image, ...boxes(one));
  image.addEventListener("load", () => {
    frame.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
    frame.style.setProperty("--width", image.naturalWidth);
  });
  image.addEventListener("error", async () => {
    const answer = await fetch(image.src).then((got) => got.json()).catch(() => ({ error: "cannot be shown" }));
    frame.replaceChildren(element("p", { class: "notice" }, answer.error));
  });
  const tick = element("input", {
    type: "checkbox", tabindex: -1, "aria-label": `Tick photograph ${i + 1}`, onchange: () => events.tick(one.sha256),
  });
  return element("div", {
    class: `photograph${verdict?.action === "drop" ? " dropped" : ""}`, tabindex: -1, role: "group", "aria-label": label,
    "data-sha256": one.sha256, onclick: () => events.choose(one.sha256), ondblclick: () => events.closely(),
  },
  element("div", { class: "frame" }, frame),
  element("div", { class: "facts" },
    element("div", { class: "top" },
      all.length > 1 ? element("span", { class: "soft" }, String(i + 1)) : "",
      element("span", { class: "label" }, one.label),
      element("span", { class: `verdict ${verdict ? verdict.action : ""}` }, said(verdict)),
      all.length > 1 ? element("label", { class: "tick" }, tick, "tick") : "",
    ),
    element("p", { class: "soft" }, facts(one)),
    notes(one, all, meanings, events),
    links(one, all),
  ));
}

export const boxes = (one) => [
  ...one.faces.map((text) => box(text, "found")), ...lines(one, "hide").map((line) => box(line.value, "hides")),
];

function facts(one) {
  const told = [one.source, `${one.width} × ${one.height}`, `${Math.max(1, Math.round(one.bytes / 1000))} kB`, one.name];
  if (one.patient) told.splice(1, 0, `patient ${one.patient}`);
  return told.concat(one.copies.map((copy) => `also ${copy.name} as ${copy.label}`)).join(" · ");
}

// What the reviewer said besides the verdict, each with a button that takes it away; and what was found before.
function notes(one, all, meanings, events) {
  const number = (sha) => all.findIndex((other) => other.sha256 === sha) + 1;
  const told = { flag: (x) => x.reason, group: (x) => `with ${x.value}`, apart: (x) => `apart from ${number(x.value) || x.value.slice(0, 8)}`,
    hide: () => "hidden face" };
  const own = one.lines.filter((line) => told[line.action]).map((line) => {
    const text = told[line.action](line);
    const gone = element("button", { type: "button", "aria-label": `Take away: ${text}`,
      onclick: (event) => { event.stopPropagation(); events.remove(one.sha256, line); } }, "×");
    return element("li", {}, text, gone);
  });
  const found = one.found.map((name) => element("li", { class: "plain", title: meanings[name] ?? null }, `found: ${name}`));
  return own.length + found.length ? element("ul", { class: "lines", "aria-label": "Notes" }, ...own, ...found) : "";
}

function links(one, all) {
  if (!one.links.length) return "";
  const number = (sha) => all.findIndex((other) => other.sha256 === sha) + 1;
  return element("ul", { class: "links", "aria-label": "Why it is in this group" }, ...one.links.map((link) => {
    const how = link.method === "identical" ? "identical pixels"
      : `${link.method}, ${link.inliers} inliers, overlap ${Math.round(link.overlap * 100)} %`;
    return element("li", { class: link.apart ? "cut" : "" }, `like ${number(link.other)}: ${how}${link.apart ? " (split)" : ""}`);
  }));
}

const button = ([key, name, run, extra = {}]) => element("button", { type: "button", onclick: run, ...extra },
  element("kbd", { "aria-hidden": "true" }, key), name);

export function buttons(view, actions, steps) {
  const place = view.item ? `${view.at + 1} of ${view.of}${view.item.decided ? ", decided" : ""}` : "";
  $("actions").replaceChildren(...actions.map(button));
  $("steps").replaceChildren(element("span", { class: "soft" }, place), ...steps.map(button));
}

// As large as the window allows, so that two images laid upon each other have one frame.
export function fit(stage, image) {
  const ratio = image.naturalWidth / image.naturalHeight;
  stage.style.aspectRatio = String(ratio);
  stage.style.width = `min(100%, ${62 * ratio}vh)`;
}

// Puts the frame on the chosen photograph and shows which are ticked, without drawing anything anew.
export function mark(current, ticked, focus) {
  for (const figure of $("photographs").children) {
    const chosen = figure.dataset.sha256 === current;
    figure.classList.toggle("current", chosen);
    figure.tabIndex = chosen ? 0 : -1;
    if (chosen) figure.setAttribute("aria-current", "true"); else figure.removeAttribute("aria-current");
    if (chosen && focus) figure.focus({ preventScroll: !figure.previousSibling });
    const tick = figure.querySelector(".tick input");
    if (tick) tick.checked = ticked.has(figure.dataset.sha256);
  }
}
