// Deciding that something happened: scores and times in, events out. The same rules as auricle_shared/events.py, and
// the same file of examples tests both.

const MEAN_DECIMALS = 1e9; // a moving mean of scores is known to nine places
const TOLERANCE_SECONDS = 1e-6;

/** Turns frame scores into events, class by class.
 *
 *  A moving mean over smoothing_seconds rises to on_threshold and stays there for minimum_seconds: the event is on, its
 *  onset is where it rose. It is over once the mean was below off_threshold for release_seconds, and the next one waits
 *  hold_off_seconds.
 */
export class EventDetector {
  /** labels: names of the score columns that are watched, or null for a column that is not (background).
   *  settings: one per column, or null. frameSeconds: time from one frame to the next. */
  constructor(labels, settings, frameSeconds) {
    this.detectors = [];
    labels.forEach((label, column) => {
      if (label !== null) this.detectors.push(new ClassDetector(label, column, settings[column], frameSeconds));
    });
    this.frameSeconds = frameSeconds;
  }

  static forModel(info) {
    const watched = new Set(info.event_labels);
    return new EventDetector(
      info.labels.map((label) => (watched.has(label) ? label : null)),
      info.labels.map((label) => info.event_settings[label] ?? null),
      info.frame_seconds,
    );
  }

  /** Move one class's on_threshold; its off_threshold keeps the same share of it. */
  setThreshold(label, onThreshold) {
    this.detectors.find((detector) => detector.label === label).setThreshold(onThreshold);
  }

  /** frames: an array of score rows that follow the last ones; startSeconds: stream time at which the first begins. */
  update(frames, startSeconds) {
    const events = [];
    frames.forEach((scores, i) => {
      const begin = startSeconds + i * this.frameSeconds;
      for (const detector of this.detectors) {
        const event = detector.update(scores[detector.column], begin);
        if (event) events.push(event);
      }
    });
    return events;
  }

  /** End of the stream: events that are still on end here. */
  finish(endSeconds) {
    return this.detectors.map((detector) => detector.finish(endSeconds)).filter((event) => event !== null);
  }

  /** Forget the frames before a gap; events that were on should be ended with finish first. */
  reset() {
    for (const detector of this.detectors) detector.reset();
  }
}

/** The state of one class: idle, rising (above the threshold, not yet long enough) or on. */
class ClassDetector {
  constructor(label, column, settings, frameSeconds) {
    Object.assign(this, { label, column, frameSeconds, settings: { ...settings } });
    this.offShare = settings.off_threshold / settings.on_threshold;
    this.readySeconds = -Infinity;
    this.history = new Array(Math.max(1, roundHalfEven(settings.smoothing_seconds / frameSeconds)));
    this.reset();
  }

  setThreshold(onThreshold) {
    this.settings.on_threshold = onThreshold;
    this.settings.off_threshold = onThreshold * this.offShare;
  }

  reset() {
    this.history.fill(0);
    this.toIdle();
  }

  toIdle() {
    this.on = false;
    this.onsetSeconds = null;
    this.lastAboveSeconds = 0;
    this.peak = 0;
  }

  mean(score) {
    this.history.shift();
    this.history.push(score);
    let sum = 0;
    for (const value of this.history) sum += value;
    return Math.round((sum / this.history.length) * MEAN_DECIMALS) / MEAN_DECIMALS;
  }

  update(rawScore, begin) {
    const score = this.mean(rawScore);
    const settings = this.settings;
    const end = begin + this.frameSeconds;
    if (this.onsetSeconds === null) {
      if (score < settings.on_threshold || begin < this.readySeconds - TOLERANCE_SECONDS) return null;
      this.onsetSeconds = begin;
      this.peak = score;
    }
    this.peak = Math.max(this.peak, score);
    if (!this.on) {
      if (score < settings.on_threshold) this.toIdle();
      else if (end - this.onsetSeconds >= settings.minimum_seconds - TOLERANCE_SECONDS) {
        this.on = true;
        this.lastAboveSeconds = end;
        return { phase: "on", label: this.label, onset_seconds: this.onsetSeconds, score: this.peak };
      }
    } else if (score >= settings.off_threshold) {
      this.lastAboveSeconds = end;
    } else if (end - this.lastAboveSeconds >= settings.release_seconds - TOLERANCE_SECONDS) {
      return this.end();
    }
    return null;
  }

  finish(endSeconds) {
    if (!this.on) {
      this.toIdle();
      return null;
    }
    this.lastAboveSeconds = Math.min(this.lastAboveSeconds, endSeconds);
    return this.end();
  }

  end() {
    const event = {
      phase: "off",
      label: this.label,
      onset_seconds: this.onsetSeconds,
      score: this.peak,
      offset_seconds: this.lastAboveSeconds,
    };
    this.readySeconds = this.lastAboveSeconds + this.settings.hold_off_seconds;
    this.toIdle();
    return event;
  }
}

/** Python's round(): halves go to the even neighbour. */
function roundHalfEven(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
