// One visit of the microphone: samples to the picture and to whichever side computes, scores to the event detector.

import { getModelFile } from "./api.js";
import { DeviceSide } from "./device_side.js";
import { EventDetector } from "./event_detector.js";
import { Microphone } from "./microphone.js";
import { ServerSide } from "./server_side.js";
import { Spectrogram } from "./spectrogram.js";

export const LIVE_SECONDS = 12; // how much the picture shows
const COLUMN_SECONDS = 0.02;

export class Live {
  /** told: {frames(startSeconds, scores, cost), event(event), level(samples), problem(words, isProblem), ended(words)} */
  static async start(info, onDevice, thresholds, told) {
    const live = new Live(info, thresholds, told);
    live.microphone = await Microphone.open({
      block: (samples) => live.hear(samples),
      lost: (words) => live.end(words),
      state: (words) => told.problem(words, true),
    });
    live.rateHz = live.microphone.rateHz;
    live.startedAt = new Date();
    live.spectrogram = new Spectrogram(live.rateHz, info.rate_hz / 2, LIVE_SECONDS + 1, COLUMN_SECONDS);
    await live.use(onDevice);
    return live;
  }

  constructor(info, thresholds, told) {
    this.info = info;
    this.told = told;
    this.detector = EventDetector.forModel(info);
    for (const [label, value] of Object.entries(thresholds)) this.detector.setThreshold(label, value);
    this.samples = 0;
    this.scoredSeconds = 0;
    this.side = null;
    this.visit = 0;
  }

  /** Stream time up to which audio came from the microphone. */
  get seconds() {
    return this.samples / this.rateHz;
  }

  /** Let the server or this device compute from now on. */
  async use(onDevice) {
    const visit = ++this.visit;
    const modelFile = onDevice ? await getModelFile() : null;
    if (visit !== this.visit) return; // switched back, or stopped, while the model came
    this.side?.close();
    const told = {
      frames: (found) => visit === this.visit && this.take(found),
      gap: (seconds) => visit === this.visit && this.beginAnew(seconds),
      state: (name, words) => visit === this.visit && this.tell(name, words),
    };
    this.side = onDevice
      ? new DeviceSide(modelFile, this.info, this.rateHz, this.seconds, told)
      : new ServerSide(this.info, this.rateHz, this.seconds, told);
  }

  hear(samples) {
    this.samples += samples.length;
    this.spectrogram?.push(samples);
    this.told.level(samples);
    this.side?.push(samples);
  }

  take({ startSeconds, scores, computeSeconds, audioSeconds }) {
    const events = this.detector.update(scores, startSeconds);
    this.scoredSeconds = startSeconds + scores.length * this.info.frame_seconds;
    this.told.frames(startSeconds, scores, { computeSeconds, audioSeconds });
    events.forEach((event) => this.told.event(event));
  }

  /** After a hole nothing is known of what was on before it. */
  beginAnew() {
    this.detector.finish(this.scoredSeconds).forEach((event) => this.told.event(event));
    this.detector.reset();
  }

  tell(name, words) {
    if (name === "stopped") this.end(words);
    else this.told.problem(words, name === "lost");
  }

  stop() {
    this.visit++;
    this.microphone.close();
    this.side?.close();
    this.beginAnew();
  }

  end(words) {
    this.stop();
    this.told.ended(words);
  }
}
