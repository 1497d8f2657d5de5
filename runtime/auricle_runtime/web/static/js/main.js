// The page: buttons, drops and sliders on one side, what was heard on the other.

import { getModelInfo } from "./api.js";
import { Clip } from "./clip.js";
import { onSchemeChange } from "./colours.js";
import { EventsView } from "./events_view.js";
import { LevelView } from "./level_view.js";
import { LIVE_SECONDS, Live } from "./live.js";
import { showModel } from "./model_view.js";
import { SoundsView } from "./sounds_view.js";
import { Timeline, clockText } from "./timeline.js";

const COST_MEMORY = 0.9; // of the running mean, per answer
const PICTURE_MS = 30;
const CALM_MS = 1000;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const $ = (id) => document.getElementById(id);

class Page {
  constructor(info) {
    this.info = info;
    this.live = null; // while the microphone is open
    this.clip = null; // while a recording is shown
    this.timeline = new Timeline($("picture"), info);
    this.sounds = new SoundsView($("sounds"), info, (label, value) => this.changeThreshold(label, value));
    this.events = new EventsView($("events"), $("no-events"), info);
    this.level = new LevelView($("level"), $("level-text"));
    this.listen();
    this.tellSide();
    this.drawTimeline();
  }

  listen() {
    $("start").addEventListener("click", () => (this.live ? this.stop() : this.start()));
    $("file").addEventListener("change", ({ target }) => {
      if (target.files.length) this.open(target.files[0]);
      target.value = "";
    });
    $("on-device").addEventListener("change", () => this.switchSide());
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length) this.open(event.dataTransfer.files[0]);
    });
    addEventListener("resize", () => this.drawTimeline());
    addEventListener("pagehide", () => this.live?.stop());
    onSchemeChange(() => this.drawTimeline());
    $("start").disabled = $("open").disabled = false;
    $("open").addEventListener("click", () => $("file").click());
    $("on-device").disabled = !this.info.on_device;
  }

  get onDevice() {
    return $("on-device").checked;
  }

  say(words, isProblem = false) {
    if ($("status").textContent !== words) $("status").textContent = words;
    $("status").classList.toggle("problem", isProblem);
  }

  begin() {
    this.live?.stop();
    this.live = this.clip = null;
    this.timeline.clear();
    this.events.clear();
    this.level.reset();
    this.cost = null;
    $("decision").hidden = true;
    this.tellSide();
  }

  async start() {
    this.begin();
    this.say("Asking for the microphone …");
    $("start").disabled = true;
    try {
      this.live = await Live.start(this.info, this.onDevice, this.sounds.thresholds, {
        frames: (startSeconds, scores, cost) => this.takeFrames(startSeconds, scores, cost),
        event: (event) => this.takeEvent(event),
        level: (samples) => this.level.take(samples),
        problem: (words, isProblem) => this.tellListening(words, isProblem),
        ended: (words) => this.ended(words),
      });
      this.timeline.spectrogram = this.live.spectrogram;
      this.tellListening("");
      this.drawnMs = -Infinity;
      requestAnimationFrame((ms) => this.draw(ms));
    } catch (error) {
      this.say(error.message, true);
    }
    $("start").disabled = false;
    this.showButton();
  }

  stop() {
    this.live.stop();
    this.ended("Stopped.", false);
  }

  ended(words, isProblem = true) {
    this.live = null;
    this.level.reset();
    this.showButton();
    this.say(words, isProblem);
  }

  showButton() {
    $("start").textContent = this.live ? "Stop" : "Start listening";
    document.body.classList.toggle("listening", this.live !== null);
  }

  tellListening(words, isProblem = false) {
    const rate = this.live?.rateHz ? `, ${this.live.rateHz / 1000} kHz` : "";
    this.say(words || `Listening (${this.live?.microphone.name || "microphone"}${rate}).`, Boolean(words) && isProblem);
  }

  takeFrames(startSeconds, scores, { computeSeconds, audioSeconds }) {
    this.timeline.addFrames(startSeconds, scores);
    this.sounds.take(scores);
    const sum = this.cost ?? { computeSeconds: 0, audioSeconds: 0 };
    this.cost = {
      computeSeconds: COST_MEMORY * sum.computeSeconds + computeSeconds,
      audioSeconds: COST_MEMORY * sum.audioSeconds + audioSeconds,
    };
    this.tellSide();
  }

  takeEvent(event) {
    this.timeline.addEvent(event);
    const at = new Date(this.live.startedAt.getTime() + event.onset_seconds * 1000);
    this.events.add(event, at.toLocaleTimeString());
  }

  async switchSide() {
    this.cost = null;
    this.tellSide();
    try {
      if (this.clip) await this.open(this.clip.file);
      else await this.live?.use(this.onDevice);
    } catch (error) {
      this.say(error.message, true);
    }
  }

  tellSide() {
    const { info, cost } = this;
    const where = this.onDevice ? "This device computes (onnxruntime-web)" : `The server computes (${info.server_runs_on})`;
    const price = cost ? `: ${((1000 * cost.computeSeconds) / cost.audioSeconds).toFixed(1)} ms for each second of audio.` : ".";
    $("side").textContent = where + price;
    $("privacy").textContent = this.onDevice
      ? "Audio stays in this page."
      : info.records
        ? "Audio goes to this server, and the server STORES what the microphone hears (it was started with --record)."
        : "Audio goes to this server, is scored and forgotten; nothing of it is stored.";
    $("privacy").classList.toggle("problem", info.records && !this.onDevice);
  }

  async open(file) {
    this.begin();
    this.showButton();
    this.say(`Scoring ${file.name} …`);
    try {
      const clip = await Clip.open(file, this.info, this.onDevice);
      Object.assign(this, { clip, cost: clip.cost });
      clip.file = file;
      this.timeline.addFrames(0, clip.scores);
      this.timeline.spectrogram = clip.spectrogram;
      this.showClip();
      this.tellSide();
    } catch (error) {
      this.say(error.message, true);
    }
  }

  showClip() {
    const { clip } = this;
    const events = clip.events(this.sounds.thresholds);
    this.timeline.events = events;
    this.events.clear();
    for (const event of [...events].reverse()) this.events.add(event, clockText(event.onset_seconds, 1));
    const count = events.length === 1 ? "1 event" : `${events.length} events`;
    this.say(`${clip.name}: ${clip.seconds.toFixed(1)} s, ${count}.`);
    $("decision").hidden = !clip.label;
    $("decision").textContent = clip.label ? `As a whole: ${clip.label}` : "";
    this.drawTimeline();
  }

  changeThreshold(label, value) {
    this.live?.detector.setThreshold(label, value);
    if (this.clip) this.showClip();
  }

  /** Thirty pictures a second are enough to look live, and spare a phone's battery; one where motion is unwelcome. */
  draw(timeMs) {
    if (!this.live) return this.drawTimeline();
    if (timeMs - this.drawnMs >= (calm.matches ? CALM_MS : PICTURE_MS)) {
      this.drawnMs = timeMs;
      this.level.draw();
      this.sounds.draw();
      this.drawTimeline();
    }
    requestAnimationFrame((ms) => this.draw(ms));
  }

  drawTimeline() {
    if (this.clip) this.timeline.draw(0, this.clip.seconds, this.clip.seconds);
    else if (this.live) {
      const end = Math.max(LIVE_SECONDS, this.live.seconds);
      this.timeline.draw(end - LIVE_SECONDS, end, this.live.scoredSeconds);
    } else if (!this.timeline.spectrogram) this.timeline.draw(0, LIVE_SECONDS, 0);
  }
}

async function main() {
  try {
    const info = await getModelInfo();
    showModel(info);
    const page = new Page(info);
    globalThis.page = page; // for the browser's console, and for the tests
    page.say("Ready. Press Start, or drop a recording anywhere on this page.");
  } catch (error) {
    $("status").textContent = `${error.message} Reload the page to try again.`;
    $("status").classList.add("problem");
  }
}

main();
