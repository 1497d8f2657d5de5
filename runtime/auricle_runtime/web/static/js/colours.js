// Colours of the classes and of the spectrogram, one set for light and one for dark surroundings.

// Okabe and Ito (2008): told apart also by people who see fewer colours; lighter or darker where the ground asks for it.
const CLASS_COLOURS = {
  light: ["#0072b2", "#d55e00", "#007f5f", "#b5548f", "#a66f00", "#2f7fb5", "#7a4bb3", "#5b6770"],
  dark: ["#56b4e9", "#ff8f4d", "#35c9a0", "#e59ccb", "#f0b429", "#8fc7f0", "#b79bf0", "#aab7c0"],
};
const MAP_STOPS = {
  light: ["#ffffff", "#e3e8f4", "#b9c4e4", "#8a8fd0", "#7a51ad", "#6a1f6f", "#2a0a33"],
  dark: ["#0b0d12", "#1b1642", "#51127c", "#9b2f7f", "#e4556a", "#fb9a69", "#fcf3c0"],
};
const darkQuery = matchMedia("(prefers-color-scheme: dark)");

export const scheme = () => (darkQuery.matches ? "dark" : "light");
export const onSchemeChange = (listener) => darkQuery.addEventListener("change", listener);

export function classColour(index) {
  const colours = CLASS_COLOURS[scheme()];
  if (index < colours.length) return colours[index];
  const hue = (index * 137.508) % 360; // the golden angle keeps neighbours apart
  return `hsl(${hue} 65% ${scheme() === "dark" ? 68 : 36}%)`;
}

/** 256 RGBA colours in one Uint8ClampedArray, from quiet to loud. */
export function spectrogramMap() {
  const stops = MAP_STOPS[scheme()].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const map = new Uint8ClampedArray(256 * 4);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    for (let c = 0; c < 3; c++) map[4 * i + c] = stops[low][c] + (place - low) * (stops[low + 1][c] - stops[low][c]);
    map[4 * i + 3] = 255;
  }
  return map;
}

export const cssColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
