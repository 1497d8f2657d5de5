// The list of events, the newest first; a screen reader hears each when it begins.

import { classColour, onSchemeChange } from "./colours.js";

const MAX_EVENTS = 100;

export class EventsView {
  constructor(list, empty, info) {
    Object.assign(this, { list, empty, info });
    onSchemeChange(() => this.recolour());
  }

  clear() {
    this.list.replaceChildren();
    this.empty.hidden = false;
  }

  /** time: text to show for the onset. Phase 'on' adds a line, 'off' completes it. */
  add(event, time) {
    const key = `${event.label} ${event.onset_seconds.toFixed(6)}`;
    let item = [...this.list.children].find((child) => child.dataset.key === key);
    if (!item) {
      item = document.getElementById("event-item").content.cloneNode(true).querySelector("li");
      item.dataset.key = key;
      item.dataset.label = event.label;
      item.dataset.onsetSeconds = event.onset_seconds.toFixed(3);
      item.querySelector("time").textContent = time;
      item.querySelector(".name").textContent = event.label;
      this.list.prepend(item);
      this.empty.hidden = true;
      while (this.list.children.length > MAX_EVENTS) this.list.lastChild.remove();
    }
    item.querySelector(".score").textContent = event.score.toFixed(2);
    const isOver = event.phase === "off";
    item.classList.toggle("on", !isOver);
    item.querySelector(".length").textContent = isOver
      ? `${(event.offset_seconds - event.onset_seconds).toFixed(1)} s`
      : "now";
    this.recolour();
  }

  recolour() {
    for (const item of this.list.children) {
      item.style.setProperty("--class-colour", classColour(this.info.event_labels.indexOf(item.dataset.label)));
    }
  }
}
