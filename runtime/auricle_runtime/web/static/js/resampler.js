// One channel from one rate to another, in pieces; the pieces together equal the whole.
//
// A windowed sinc with the pass band of soxr's quality HQ, which trained the model: flat to 0.913 of the lower Nyquist
// frequency, 120 dB down from there on. Linear phase, and sample i lies at i / toHz seconds after the first input sample.

const PASS_BAND = 0.913; // share of the lower Nyquist frequency; 1 - 0.05 / 0.579, soxr's rate filter at 20 bits
const REJECTION_DB = 120;
const KAISER_BETA = 0.1102 * (REJECTION_DB - 8.7); // Kaiser (1974)
const MAX_COEFFICIENTS = 4e6;

export class Resampler {
  constructor(fromHz, toHz) {
    const divisor = greatestCommonDivisor(fromHz, toHz);
    this.up = toHz / divisor;
    this.down = fromHz / divisor;
    this.same = fromHz === toHz;
    if (this.same) return;
    const nyquist = Math.min(1, toHz / fromHz) / 2; // of the lower rate, in cycles per input sample
    const transition = nyquist * (1 - PASS_BAND);
    this.half = 2 * Math.ceil((REJECTION_DB - 7.95) / (14.36 * transition) / 4); // even: the sum goes in fours
    if (this.up * 2 * this.half > MAX_COEFFICIENTS) {
      throw new Error(`The rates ${fromHz} and ${toHz} Hz have too little in common; use a microphone at 48000 Hz.`);
    }
    this.phases = makePhases(this.up, this.half, nyquist - transition / 2);
    this.pending = new Float32Array(this.half - 1); // silence before the first sample
    this.first = -(this.half - 1); // index of pending[0] in the input
    this.next = 0; // index of the next output sample
  }

  /** samples: Float32Array at fromHz -> Float32Array at toHz. */
  feed(samples) {
    if (this.same) return samples;
    const input = joined([this.pending, samples]);
    const end = this.first + input.length;
    const output = [];
    for (;;) {
      const position = this.next * this.down;
      const base = Math.floor(position / this.up);
      if (base + this.half >= end) {
        const kept = base - this.half + 1 - this.first;
        this.pending = input.slice(kept);
        this.first += kept;
        return Float32Array.from(output);
      }
      output.push(dot(input, base - this.half + 1 - this.first, this.phases[position % this.up]));
      this.next += 1;
    }
  }
}

/** Four sums at once: one addition need not wait for the one before. */
function dot(input, start, coefficients) {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < coefficients.length; i += 4) {
    a += input[start + i] * coefficients[i];
    b += input[start + i + 1] * coefficients[i + 1];
    c += input[start + i + 2] * coefficients[i + 2];
    d += input[start + i + 3] * coefficients[i + 3];
  }
  return a + b + c + d;
}

/** One row of 2 * half coefficients for each of the `up` places an output sample can take between two input samples. */
function makePhases(up, half, cutoff) {
  const norm = bessel(KAISER_BETA);
  return Array.from({ length: up }, (_, phase) =>
    Float64Array.from({ length: 2 * half }, (_, k) => {
      const x = k - half + 1 - phase / up; // distance from the output sample, in input samples
      const share = x / half;
      if (Math.abs(share) >= 1) return 0;
      const window = bessel(KAISER_BETA * Math.sqrt(1 - share * share)) / norm;
      const angle = 2 * Math.PI * cutoff * x;
      return 2 * cutoff * (angle === 0 ? 1 : Math.sin(angle) / angle) * window;
    }),
  );
}

/** Modified Bessel function of the first kind and order 0. */
function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

export function joined(pieces) {
  const all = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
