// The server computes: audio goes there in numbered blocks, scores come back. Survives a server that goes and returns.

import { closeSession, openSession, sendBlock } from "./api.js";
import { joined } from "./resampler.js";

const MAX_WAITING_SECONDS = 5; // older audio is given up: what is live must not lag
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 4000;
const NO_HOPE = new Set([401, 403]);

export class ServerSide {
  /** info: the model; rateHz: of the samples; atSeconds: stream time of the first sample.
   *  told: {frames({startSeconds, scores, computeSeconds, audioSeconds}), gap(atSeconds), state(name, words)} */
  constructor(info, rateHz, atSeconds, told) {
    Object.assign(this, { info, rateHz, told, startSeconds: atSeconds });
    this.waiting = []; // pieces that no answer has come for yet
    this.waitingSamples = 0;
    this.doneSamples = 0; // samples before the waiting ones
    this.unansweredSamples = 0; // of a block that was sent and has to be sent again the same
    this.session = null;
    this.closed = false;
    this.wake = () => {};
    this.finished = this.run();
  }

  push(samples) {
    this.waiting.push(samples);
    this.waitingSamples += samples.length;
    if (this.waitingSamples > MAX_WAITING_SECONDS * this.rateHz) this.giveUpWaiting();
    if (this.isBlockReady()) this.wake();
  }

  close() {
    this.closed = true;
    this.wake();
    if (this.session) closeSession(this.session).catch(() => {}); // the server forgets it anyway
  }

  isBlockReady() {
    return this.waitingSamples >= this.info.post_seconds * this.rateHz;
  }

  giveUpWaiting() {
    this.forget(this.waitingSamples);
    this.session = null; // its audio must have no hole
  }

  forget(samples) {
    const rest = joined(this.waiting).slice(samples);
    this.waiting = rest.length ? [rest] : [];
    this.waitingSamples = rest.length;
    this.doneSamples += samples;
  }

  async run() {
    let retryMs = FIRST_RETRY_MS;
    while (!this.closed) {
      try {
        if (!this.session) await this.open();
        if (!this.isBlockReady()) await new Promise((resolve) => (this.wake = resolve));
        else await this.send();
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        if (this.closed) return;
        if (error.status === undefined) throw error;
        if (!this.handle(error)) return;
        await sleep(Math.max(retryMs, error.retrySeconds * 1000));
        retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
      }
    }
  }

  async open() {
    const opened = await openSession(this.rateHz);
    if (opened.model_sha256 !== this.info.sha256) {
      this.closed = true;
      this.told.state("stopped", "The server now has another model. Reload the page.");
      return;
    }
    this.session = opened.session;
    this.block = 0;
    this.unansweredSamples = 0;
    this.offsetSeconds = this.startSeconds + this.doneSamples / this.rateHz;
    this.told.gap(this.offsetSeconds);
  }

  async send() {
    const session = this.session;
    const limit = Math.floor(this.info.max_post_seconds * this.rateHz);
    this.unansweredSamples ||= Math.min(this.waitingSamples, limit);
    const samples = joined(this.waiting).slice(0, this.unansweredSamples);
    const answer = await sendBlock(session, this.block, samples);
    if (this.closed || session !== this.session) return; // given up in the meantime
    this.block += 1;
    this.unansweredSamples = 0;
    this.forget(samples.length);
    this.told.state("live", "");
    this.told.frames({
      startSeconds: this.offsetSeconds + answer.start_seconds,
      scores: answer.scores,
      computeSeconds: answer.compute_seconds,
      audioSeconds: samples.length / this.rateHz,
    });
  }

  /** Decide what a failure means; false where trying again is no use. */
  handle(error) {
    if (NO_HOPE.has(error.status)) {
      this.closed = true;
      this.told.state("stopped", error.message);
      return false;
    }
    if (error.status === 0) this.told.state("lost", "The server does not answer. Trying again …");
    else if (error.status === 429) this.told.state("lost", error.message);
    else if (error.status !== 404) this.told.state("lost", `${error.message} Starting anew …`);
    if (error.status !== 0 && error.status !== 429) this.session = null; // 404: the server was started anew
    return true;
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
