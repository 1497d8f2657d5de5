// Runs beside the page, so that scoring never makes the picture stutter.

import { PageScorer } from "./page_scorer.js";
import { Resampler } from "./resampler.js";

let scorer = null;
let resampler = null;
let rateHz = 0;
let work = Promise.resolve(); // messages are worked on one after the other

onmessage = ({ data }) => {
  work = work.then(() => handle(data)).catch((error) => postMessage({ type: "failed", words: String(error.message) }));
};

async function handle(message) {
  if (message.type === "open") {
    rateHz = message.rateHz;
    scorer = await PageScorer.open(message.modelFile, message.info);
    resampler = new Resampler(rateHz, message.info.rate_hz);
    postMessage({ type: "opened" });
  } else if (message.type === "reset") {
    scorer.reset();
    resampler = new Resampler(rateHz, scorer.info.rate_hz);
  } else {
    const began = performance.now();
    const scores = await scorer.feed(resampler.feed(message.samples));
    const computeSeconds = (performance.now() - began) / 1000;
    postMessage({ type: "scored", scores, computeSeconds, samples: message.samples.length });
  }
}
