// This device computes: audio stays in the page and goes to a worker that runs the model.

import { joined } from "./resampler.js";

const PIECE_SECONDS = 0.08;
const MAX_BEHIND_SECONDS = 5;

export class DeviceSide {
  /** modelFile: the bytes of model.onnx; the other arguments as in ServerSide. */
  constructor(modelFile, info, rateHz, atSeconds, told) {
    Object.assign(this, { info, rateHz, told, atSeconds, startSeconds: atSeconds });
    this.waiting = [];
    this.waitingSamples = 0;
    this.pushedSamples = 0;
    this.behindSamples = 0; // with the worker, not scored yet
    this.frames = 0;
    this.worker = new Worker(new URL("device_worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.hear(data);
    this.worker.onerror = () => this.told.state("stopped", "This browser cannot run the model in the page.");
    this.worker.postMessage({ type: "open", modelFile, info, rateHz });
    this.ready = false;
    this.told.state("waiting", "Loading the model into this page …");
  }

  push(samples) {
    this.pushedSamples += samples.length;
    if (!this.ready) return;
    if (this.behindSamples > MAX_BEHIND_SECONDS * this.rateHz) return this.skip();
    this.waiting.push(samples);
    this.waitingSamples += samples.length;
    if (this.waitingSamples < PIECE_SECONDS * this.rateHz) return;
    const piece = joined(this.waiting);
    this.behindSamples += piece.length;
    this.waiting = [];
    this.waitingSamples = 0;
    this.worker.postMessage({ type: "audio", samples: piece }, [piece.buffer]);
  }

  /** Too slow for real time: what comes now is lost, and said to be. */
  skip() {
    this.waiting = [];
    this.waitingSamples = 0;
    this.skipped = true;
    this.told.state("lost", "This device is too slow for the model: audio is skipped.");
  }

  hear(message) {
    if (message.type === "failed") return this.told.state("stopped", `The model stopped in this page: ${message.words}`);
    if (message.type === "opened") return this.begin();
    this.behindSamples -= message.samples;
    this.told.frames({
      startSeconds: this.startSeconds + this.frames * this.info.frame_seconds,
      scores: message.scores,
      computeSeconds: message.computeSeconds,
      audioSeconds: message.samples / this.rateHz,
    });
    this.frames += message.scores.length;
    if (this.skipped && this.behindSamples === 0) {
      this.worker.postMessage({ type: "reset" });
      this.begin();
    }
  }

  /** The next sample is the first that is scored. */
  begin() {
    this.ready = true;
    this.skipped = false;
    this.startSeconds = this.atSeconds + this.pushedSamples / this.rateHz;
    this.frames = 0;
    this.told.gap(this.startSeconds);
    this.told.state("live", "");
  }

  close() {
    this.worker.terminate();
  }
}
