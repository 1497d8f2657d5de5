// The same model.onnx, run by the page with onnxruntime-web: whole hops in, scores out, the state carried on.

import * as ort from "../ort/ort.wasm.min.mjs";
import { joined } from "./resampler.js";

const MAX_FRAMES_PER_CALL = 100; // a longer piece is scored in several calls, so that memory stays bounded

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("../ort/", import.meta.url).href;

export class PageScorer {
  static async open(modelFile, info) {
    const session = await ort.InferenceSession.create(modelFile, { executionProviders: ["wasm"] });
    return new PageScorer(session, info);
  }

  constructor(session, info) {
    this.session = session;
    this.info = info;
    this.reset();
  }

  reset() {
    this.state = new ort.Tensor("float32", new Float32Array(this.info.state_size), [1, this.info.state_size]);
    this.pending = new Float32Array(0);
  }

  /** samples: Float32Array of any length at the model's rate -> rows of scores for the hops they complete. */
  async feed(samples) {
    const hop = this.info.hop_samples;
    const audio = joined([this.pending, samples]);
    const whole = Math.floor(audio.length / hop) * hop;
    this.pending = audio.slice(whole);
    const rows = [];
    for (let at = 0; at < whole; at += MAX_FRAMES_PER_CALL * hop) {
      rows.push(...(await this.score(audio.slice(at, Math.min(whole, at + MAX_FRAMES_PER_CALL * hop)))));
    }
    return rows;
  }

  /** The end of a clip: what is left is zero-padded to a whole hop and scored. */
  async flush() {
    return this.pending.length ? this.feed(new Float32Array(this.info.hop_samples - this.pending.length)) : [];
  }

  async score(audio) {
    const feeds = { audio: new ort.Tensor("float32", audio, [1, audio.length]), state: this.state };
    const found = await this.session.run(feeds, ["scores", "next_state"]);
    this.state = found.next_state;
    const [, frames, classes] = found.scores.dims;
    const values = found.scores.data;
    return Array.from({ length: frames }, (_, i) => values.slice(i * classes, (i + 1) * classes));
  }
}
