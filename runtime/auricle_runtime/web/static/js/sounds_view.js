// The table of sounds: colour, name, score now, and a slider for the threshold.

import { classColour, onSchemeChange } from "./colours.js";

const FALL = 0.75; // of a bar from one picture to the next: a short peak must be seen

export class SoundsView {
  /** body: a <tbody>; onThreshold(label, value) is called when a slider moves. */
  constructor(body, info, onThreshold) {
    this.info = info;
    this.thresholds = {};
    this.rows = info.event_labels.map((label, index) => this.makeRow(body, label, index, onThreshold));
    onSchemeChange(() => this.recolour());
    this.recolour();
  }

  makeRow(body, label, index, onThreshold) {
    const template = document.getElementById("sound-row").content.cloneNode(true);
    const row = template.querySelector("tr");
    const part = (name) => row.querySelector(name);
    const standard = this.info.event_settings[label].on_threshold;
    const [slider, output, reset] = [part("input"), part("output"), part("button")];
    part(".name").textContent = label;
    part("meter").setAttribute("aria-label", `score of ${label}`);
    slider.setAttribute("aria-label", `threshold of ${label}`);
    reset.setAttribute("aria-label", `threshold of ${label} back to ${standard.toFixed(2)}`);
    const set = (value) => {
      slider.value = value;
      output.textContent = value.toFixed(2);
      reset.hidden = value === standard;
    };
    const change = (value) => {
      this.thresholds[label] = value;
      set(value);
      onThreshold(label, value);
    };
    slider.addEventListener("input", () => change(Number(slider.value)));
    reset.addEventListener("click", () => {
      change(standard);
      slider.focus();
    });
    set(standard);
    body.append(row);
    const column = this.info.labels.indexOf(label);
    return { row, index, column, meter: part("meter"), value: part(".value"), shown: 0, highest: 0 };
  }

  recolour() {
    for (const { row, index } of this.rows) row.style.setProperty("--class-colour", classColour(index));
  }

  take(scores) {
    for (const row of this.rows) for (const frame of scores) row.highest = Math.max(row.highest, frame[row.column]);
  }

  draw() {
    for (const row of this.rows) {
      row.shown = Math.max(row.highest, row.shown * FALL);
      row.highest = 0;
      if (row.shown < 0.005) row.shown = 0;
      const text = row.shown.toFixed(2);
      if (text === row.value.textContent) continue;
      row.meter.value = row.shown;
      row.value.textContent = text;
    }
  }
}
