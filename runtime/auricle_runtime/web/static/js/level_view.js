// The level meter: peak of the last moment in decibels below full scale.

const QUIET_DB = -60; // where the bar is empty
const FALL_DB = 1.5; // per picture

export class LevelView {
  constructor(meter, text) {
    Object.assign(this, { meter, text });
    this.reset();
  }

  reset() {
    this.peak = 0;
    this.shownDb = QUIET_DB;
    this.meter.value = QUIET_DB;
    this.text.textContent = "–";
  }

  take(samples) {
    for (const sample of samples) this.peak = Math.max(this.peak, Math.abs(sample));
  }

  draw() {
    const peakDb = 20 * Math.log10(Math.max(this.peak, 1e-6));
    this.peak = 0;
    this.shownDb = Math.max(peakDb, this.shownDb - FALL_DB, QUIET_DB);
    this.meter.value = this.shownDb;
    this.text.textContent = this.shownDb <= QUIET_DB ? "quiet" : `${Math.round(this.shownDb)} dB`;
    this.meter.classList.toggle("clipped", this.shownDb > -0.5);
  }
}
