// The spectrogram as a picture that grows to the right: a ring of columns, drawn once each.

import { onSchemeChange, spectrogramMap } from "./colours.js";
import { Spectrum } from "./spectrum.js";

const BANDS = 96;
const RANGE_DB = 65; // from the loudest of the last seconds down to the ground colour
const QUIETEST_TOP_DB = -45; // a silent room stays dark
const TOP_FALL_DB = 0.05; // per column: how fast the scale follows after something loud

export class Spectrogram {
  /** seconds: how much it holds; columnSeconds: time from one column to the next. */
  constructor(rateHz, highHz, seconds, columnSeconds) {
    this.spectrum = new Spectrum(rateHz, highHz, BANDS);
    this.columns = Math.ceil(seconds / columnSeconds);
    this.stepSamples = columnSeconds * rateHz;
    this.columnSeconds = columnSeconds;
    this.tail = new Float32Array(this.spectrum.length);
    this.untilColumn = this.stepSamples;
    this.count = 0; // columns so far
    this.topDb = QUIETEST_TOP_DB;
    this.levels = new Float32Array(this.columns * BANDS).fill(-200);
    this.canvas = new OffscreenCanvas(this.columns, BANDS);
    this.context = this.canvas.getContext("2d");
    this.image = this.context.createImageData(1, BANDS);
    this.recolour();
    onSchemeChange(() => this.recolour());
  }

  /** samples: Float32Array at rateHz. */
  push(samples) {
    let at = 0;
    while (samples.length - at >= this.untilColumn) {
      const step = Math.round(this.untilColumn);
      this.shift(samples.subarray(at, at + step));
      at += step;
      this.untilColumn += this.stepSamples - step;
      this.addColumn(this.spectrum.column(this.tail));
    }
    this.shift(samples.subarray(at));
    this.untilColumn -= samples.length - at;
  }

  shift(samples) {
    if (samples.length > this.tail.length) samples = samples.subarray(samples.length - this.tail.length);
    this.tail.copyWithin(0, samples.length);
    this.tail.set(samples, this.tail.length - samples.length);
  }

  addColumn(decibels) {
    const column = this.count++ % this.columns;
    this.levels.set(decibels, column * BANDS);
    this.topDb = Math.max(this.topDb - TOP_FALL_DB, QUIETEST_TOP_DB, ...decibels);
    this.paint(column);
  }

  paint(column) {
    for (let band = 0; band < BANDS; band++) {
      const share = 1 + (this.levels[column * BANDS + band] - this.topDb) / RANGE_DB;
      const colour = 4 * Math.round(255 * Math.min(1, Math.max(0, share)));
      this.image.data.set(this.map.subarray(colour, colour + 4), 4 * (BANDS - 1 - band));
    }
    this.context.putImageData(this.image, column, 0);
  }

  recolour() {
    this.map = spectrogramMap();
    for (let column = 0; column < this.columns; column++) this.paint(column);
  }

  /** Draw what lies between two stream times into a rectangle of `context`. */
  draw(context, fromSeconds, toSeconds, x, y, width, height) {
    const perSecond = width / (toSeconds - fromSeconds);
    const first = Math.max(0, this.count - this.columns);
    const start = first % this.columns;
    // The ring in two pieces, the older one first.
    const pieces = this.count < this.columns ? [[0, this.count, 0]] : [
      [start, this.columns - start, first],
      [0, start, first + this.columns - start],
    ];
    context.save();
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    for (const [from, count, index] of pieces) {
      if (!count) continue;
      const left = x + (index * this.columnSeconds - fromSeconds) * perSecond;
      context.drawImage(this.canvas, from, 0, count, BANDS, left, y, count * this.columnSeconds * perSecond, height);
    }
    context.restore();
  }
}
