// One picture over one time axis: the spectrogram above, the scores of every class below, events as bars between them.

import { classColour, cssColour } from "./colours.js";

const MARGIN = { left: 40, right: 10, top: 8, bottom: 22 };
const GAP = 8;
const BAR = 14;
const MAX_POINTS = 40000;

export class Timeline {
  constructor(canvas, info) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.info = info;
    this.clear();
  }

  clear() {
    this.spectrogram = null;
    this.frames = []; // {seconds, scores}
    this.events = []; // {label, onset_seconds, offset_seconds or undefined}
  }

  addFrames(startSeconds, scores) {
    scores.forEach((row, i) => this.frames.push({ seconds: startSeconds + i * this.info.frame_seconds, scores: row }));
    if (this.frames.length > MAX_POINTS) this.frames.splice(0, this.frames.length - MAX_POINTS);
  }

  addEvent(event) {
    const begun = this.events.findLast((e) => e.label === event.label && e.onset_seconds === event.onset_seconds);
    if (begun) begun.offset_seconds = event.offset_seconds;
    else this.events.push({ ...event });
    if (this.events.length > 500) this.events.shift();
  }

  /** Draw from one stream time to another; untilSeconds is where events that are still on are drawn to. */
  draw(fromSeconds, toSeconds, untilSeconds) {
    const { context } = this;
    const [width, height] = this.fit();
    const plot = { x: MARGIN.left, width: width - MARGIN.left - MARGIN.right };
    const inner = height - MARGIN.top - MARGIN.bottom - 2 * GAP - BAR;
    const upper = Math.round(inner * 0.58);
    const at = (seconds) => plot.x + ((seconds - fromSeconds) / (toSeconds - fromSeconds)) * plot.width;
    const bars = MARGIN.top + upper + GAP;
    const lower = { y: bars + BAR + GAP, height: inner - upper };
    context.clearRect(0, 0, width, height);
    context.fillStyle = cssColour("--picture");
    context.fillRect(plot.x, MARGIN.top, plot.width, upper);
    this.spectrogram?.draw(context, fromSeconds, toSeconds, plot.x, MARGIN.top, plot.width, upper);
    context.strokeStyle = cssColour("--line");
    context.strokeRect(plot.x, MARGIN.top, plot.width, upper);
    this.drawAxes(plot, MARGIN.top, upper, lower, fromSeconds, toSeconds, at);
    context.save();
    context.beginPath();
    context.rect(plot.x, 0, plot.width, height);
    context.clip();
    this.drawScores(fromSeconds, toSeconds, at, lower, plot.width);
    this.drawEvents(fromSeconds, toSeconds, untilSeconds, at, bars);
    context.restore();
  }

  /** The canvas in device pixels; the context in CSS pixels. */
  fit() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) [this.canvas.width, this.canvas.height] = [w, h];
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return [width, height];
  }

  drawAxes(plot, top, upper, lower, fromSeconds, toSeconds, at) {
    const { context } = this;
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = cssColour("--faint");
    context.strokeStyle = cssColour("--line");
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    const highHz = this.info.rate_hz / 2;
    for (const hz of [500, 1000, 2000, 4000, 8000].filter((hz) => hz < highHz)) {
      const y = top + upper * (1 - mel(hz) / mel(highHz));
      context.fillText(hz >= 1000 ? `${hz / 1000} k` : `${hz}`, plot.x - 6, y);
    }
    for (const share of [0, 0.5, 1]) {
      const y = lower.y + lower.height * (1 - share);
      line(context, plot.x, y, plot.x + plot.width, y);
      context.fillText(share.toFixed(1), plot.x - 6, y);
    }
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    const step = niceStep((toSeconds - fromSeconds) / (plot.width / 70));
    for (let t = Math.ceil(Math.max(0, fromSeconds) / step) * step; t <= toSeconds; t += step) {
      line(context, at(t), lower.y, at(t), lower.y + lower.height);
      if (at(t) < plot.x + plot.width - 8) context.fillText(clockText(t), at(t), lower.y + lower.height + 15);
    }
  }

  drawScores(fromSeconds, toSeconds, at, area, width) {
    const { context, info } = this;
    const first = Math.max(0, lowerBound(this.frames, fromSeconds) - 1);
    const last = Math.min(this.frames.length, lowerBound(this.frames, toSeconds) + 1);
    const stride = Math.max(1, Math.floor((last - first) / (2 * width))); // the highest of several frames in one point
    context.lineWidth = 1.75;
    context.lineJoin = "round";
    info.event_labels.forEach((label, index) => {
      const column = info.labels.indexOf(label);
      context.strokeStyle = classColour(index);
      context.beginPath();
      let before = -Infinity;
      for (let i = first; i < last; i += stride) {
        let score = 0;
        for (let j = i; j < Math.min(i + stride, last); j++) score = Math.max(score, this.frames[j].scores[column]);
        const { seconds } = this.frames[i];
        const y = area.y + area.height * (1 - score);
        if (seconds - before > 2.5 * stride * info.frame_seconds) context.moveTo(at(seconds), y);
        else context.lineTo(at(seconds), y);
        before = seconds;
      }
      context.stroke();
    });
  }

  drawEvents(fromSeconds, toSeconds, untilSeconds, at, y) {
    const { context, info } = this;
    context.font = "600 11px system-ui, sans-serif";
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const event of this.events) {
      const end = event.offset_seconds ?? untilSeconds;
      if (end < fromSeconds || event.onset_seconds > toSeconds) continue;
      const [left, right] = [at(event.onset_seconds), Math.max(at(end), at(event.onset_seconds) + 3)];
      context.fillStyle = classColour(info.event_labels.indexOf(event.label));
      context.beginPath();
      context.roundRect(left, y, right - left, BAR, 4);
      context.fill();
      if (context.measureText(event.label).width + 10 > right - left) continue;
      context.fillStyle = cssColour("--on-colour");
      context.fillText(event.label, Math.max(left, MARGIN.left) + 5, y + BAR / 2 + 0.5);
    }
  }
}

const mel = (hz) => Math.log(1 + hz / 700);

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

function niceStep(atLeast) {
  return [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300].find((step) => step >= atLeast) ?? 600;
}

/** Index of the first frame at or after a time. */
function lowerBound(frames, seconds) {
  let [low, high] = [0, frames.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (frames[middle].seconds < seconds) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** 75.5 -> "1:15.5", 3 -> "0:03" */
export function clockText(seconds, decimals = Number.isInteger(Math.round(seconds * 10) / 10) ? 0 : 1) {
  const whole = Math.floor(seconds / 60 + 1e-9);
  const rest = Math.max(0, seconds - 60 * whole).toFixed(decimals);
  return `${whole}:${rest.padStart(decimals ? 3 + decimals : 2, "0")}`;
}
