// A recording that the visitor opens: scored by the server or in this page, then shown as a whole.

import { getModelFile, scoreClip } from "./api.js";
import { EventDetector } from "./event_detector.js";
import { Spectrogram } from "./spectrogram.js";

const MAX_COLUMNS = 1200;
const MIN_COLUMN_SECONDS = 0.01;

export class Clip {
  /** file: a File; raises an Error with words for people. */
  static async open(file, info, onDevice) {
    if (file.size > info.max_clip_bytes) {
      throw new Error(`${file.name} has ${megabytes(file.size)}; at most ${megabytes(info.max_clip_bytes)} can be opened.`);
    }
    const audio = await decode(file, info);
    const found = onDevice ? await scoreHere(audio, file, info) : await scoreClip(file);
    return new Clip(file.name, audio, found, info);
  }

  constructor(name, audio, found, info) {
    Object.assign(this, { name, info, label: found.label, scores: found.scores, seconds: found.seconds });
    this.cost = { computeSeconds: found.compute_seconds, audioSeconds: found.seconds };
    this.spectrogram = audio && makeSpectrogram(audio, info);
  }

  /** Events at these thresholds, each once, with both its ends. */
  events(thresholds) {
    const detector = EventDetector.forModel(this.info);
    for (const [label, value] of Object.entries(thresholds)) detector.setThreshold(label, value);
    const events = [...detector.update(this.scores, 0), ...detector.finish(this.seconds)];
    return events.filter((event) => event.phase === "off").sort((a, b) => a.onset_seconds - b.onset_seconds);
  }
}

/** The file as one channel at the model's rate, or null where this browser cannot read it (the server may). */
async function decode(file, info) {
  try {
    const context = new OfflineAudioContext(1, 1, info.rate_hz);
    const buffer = await context.decodeAudioData(await file.arrayBuffer());
    const mono = new Float32Array(buffer.length);
    for (let c = 0; c < buffer.numberOfChannels; c++) {
      const channel = buffer.getChannelData(c);
      for (let i = 0; i < mono.length; i++) mono[i] += channel[i] / buffer.numberOfChannels;
    }
    return mono;
  } catch {
    return null;
  }
}

async function scoreHere(audio, file, info) {
  if (!audio) throw new Error(`${file.name} is not a recording this browser can read.`);
  const seconds = audio.length / info.rate_hz;
  if (seconds > info.max_clip_seconds) {
    throw new Error(`${file.name} lasts over ${info.max_clip_seconds} s. Cut it into pieces first.`);
  }
  const { PageScorer } = await import("./page_scorer.js"); // only where it is used: its runtime may not be there
  const scorer = await PageScorer.open(await getModelFile(), info);
  const began = performance.now();
  const scores = [...(await scorer.feed(audio)), ...(await scorer.flush())];
  return { scores, seconds, label: null, compute_seconds: (performance.now() - began) / 1000 };
}

function makeSpectrogram(audio, info) {
  const seconds = audio.length / info.rate_hz;
  const columnSeconds = Math.max(MIN_COLUMN_SECONDS, seconds / MAX_COLUMNS);
  const spectrogram = new Spectrogram(info.rate_hz, info.rate_hz / 2, seconds + columnSeconds, columnSeconds);
  spectrogram.push(audio);
  return spectrogram;
}

const megabytes = (bytes) => `${Math.ceil(bytes / (1 << 20))} MB`;
