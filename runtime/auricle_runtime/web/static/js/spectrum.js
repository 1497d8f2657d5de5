// Power in mel-spaced bands, for the eye only: what the model hears is computed inside the model.

const WINDOW_SECONDS = 0.04;
const FULL_SCALE_POWER = 0.25; // of a sine through a window that is divided by its sum

export class Spectrum {
  /** highHz: upper edge of the picture; bands: its rows. */
  constructor(rateHz, highHz, bands) {
    this.length = 2 ** Math.ceil(Math.log2(WINDOW_SECONDS * rateHz));
    this.window = Float64Array.from({ length: this.length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / this.length));
    this.scale = 2 / this.length; // the Hann window's sum is half its length
    this.real = new Float64Array(this.length);
    this.imaginary = new Float64Array(this.length);
    this.edges = melEdges(Math.min(highHz, rateHz / 2), bands).map((hz) => (hz * this.length) / rateHz);
  }

  /** samples: `length` of them -> decibels below a full-scale sine, one per band, the lowest first. */
  column(samples) {
    for (let i = 0; i < this.length; i++) this.real[i] = samples[i] * this.window[i] * this.scale;
    this.imaginary.fill(0);
    transform(this.real, this.imaginary);
    const decibels = new Float32Array(this.edges.length - 1);
    for (let band = 0; band < decibels.length; band++) {
      const first = Math.round(this.edges[band]);
      const last = Math.max(first, Math.round(this.edges[band + 1]) - 1);
      let power = 0;
      for (let k = first; k <= last; k++) power = Math.max(power, this.real[k] ** 2 + this.imaginary[k] ** 2);
      decibels[band] = 10 * Math.log10(power / FULL_SCALE_POWER + 1e-12);
    }
    return decibels;
  }
}

/** Edges of bands that are equally wide in mel (O'Shaughnessy 1987), in Hz. */
function melEdges(highHz, bands) {
  const top = 1127 * Math.log(1 + highHz / 700);
  return Array.from({ length: bands + 1 }, (_, i) => 700 * (Math.exp((top * i) / bands / 1127) - 1));
}

/** Fourier transform in place; the length is a power of two (Cooley and Tukey, 1965). */
function transform(real, imaginary) {
  const length = real.length;
  for (let i = 1, j = 0; i < length; i++) {
    let bit = length >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [real[i], real[j]] = [real[j], real[i]]; // the imaginary part is zero still
  }
  for (let size = 2; size <= length; size <<= 1) {
    const half = size >> 1;
    for (let k = 0; k < half; k++) {
      const angle = (-2 * Math.PI * k) / size;
      const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
      for (let start = k; start < length; start += size) {
        const other = start + half;
        const re = real[other] * cosine - imaginary[other] * sine;
        const im = real[other] * sine + imaginary[other] * cosine;
        real[other] = real[start] - re;
        imaginary[other] = imaginary[start] - im;
        real[start] += re;
        imaginary[start] += im;
      }
    }
  }
}
