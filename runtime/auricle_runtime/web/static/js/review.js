// The review page: play a clip, say what it was; every answer is written at once.

const BACKGROUND = "background";
const list = document.getElementById("clips");
const status = document.getElementById("status");

async function ask(path, options) {
  const response = await fetch(path, options);
  const found = await response.json();
  if (!response.ok) throw new Error(found.error);
  return found;
}

// 20261123T081408.123Z -> local time in words
function time(moment) {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/.exec(moment);
  const element = document.createElement("time");
  if (parts) {
    const [, year, month, day, hour, minute, second] = parts.map(Number);
    element.textContent = new Date(Date.UTC(year, month - 1, day, hour, minute, second)).toLocaleString();
  }
  return element;
}

function button(words, isAnswer, action) {
  const element = document.createElement("button");
  element.textContent = words;
  element.setAttribute("aria-pressed", String(isAnswer));
  if (isAnswer) element.className = "answer";
  element.addEventListener("click", action);
  return element;
}

function heading(clip) {
  const element = document.createElement("h2");
  const heard = document.createElement("span");
  heard.className = "heard";
  heard.textContent = clip.heard ? `score ${clip.score.toFixed(2)}` : clip.name;
  element.append(clip.heard || "clip", time(clip.moment), heard);
  return element;
}

function row(clip) {
  const item = document.createElement("li");
  item.className = "card";
  item.dataset.name = clip.name;
  const audio = document.createElement("audio");
  audio.controls = true;
  audio.preload = "none";
  audio.src = `/api/clips/${encodeURIComponent(clip.name)}`;
  const answers = document.createElement("div");
  answers.className = "buttons";
  // a second click on the same answer takes it back
  const say = (label) => () => answer(clip.name, clip.label === label ? "" : label);
  if (clip.heard) answers.append(button(`It was ${clip.heard}`, clip.label === clip.heard, say(clip.heard)));
  answers.append(button("Nothing of that", clip.label === BACKGROUND, say(BACKGROUND)));
  const other = document.createElement("input");
  other.setAttribute("list", "labels");
  other.placeholder = "something else …";
  other.setAttribute("aria-label", `Another label for ${clip.name}`);
  if (clip.label && clip.label !== clip.heard && clip.label !== BACKGROUND) other.value = clip.label;
  other.addEventListener("change", () => answer(clip.name, other.value));
  answers.append(other);
  item.append(heading(clip), audio, answers);
  return item;
}

function show(found) {
  const done = found.clips.filter((clip) => clip.label).length;
  const next = done ? ` Then: auricle import ${found.folder} PACK` : "";
  status.textContent = found.clips.length
    ? `${done} of ${found.clips.length} clips reviewed.${next}`
    : `No clips in ${found.folder} yet.`;
  document.getElementById("labels").replaceChildren(
    ...found.labels.map((label) => Object.assign(document.createElement("option"), { value: label })),
  );
  const rows = new Map([...list.children].map((item) => [item.dataset.name, item]));
  const state = (clip) => JSON.stringify(clip);
  list.replaceChildren(
    ...found.clips.map((clip) => {
      const old = rows.get(clip.name);
      if (old?.dataset.state === state(clip)) return old; // what plays goes on playing
      const item = row(clip);
      item.dataset.state = state(clip);
      return item;
    }),
  );
}

async function answer(name, label) {
  try {
    const body = JSON.stringify({ label });
    show(await ask(`/api/clips/${encodeURIComponent(name)}/label`, { method: "PUT", body }));
  } catch (error) {
    status.textContent = error.message;
  }
}

try {
  show(await ask("/api/clips"));
} catch (error) {
  status.textContent = error.message;
}
