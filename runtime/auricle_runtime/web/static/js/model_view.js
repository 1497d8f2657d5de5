// "About this model": what it hears and where it comes from, as its file says.

export function showModel(info) {
  const made = info.provenance;
  const front = info.spectrogram;
  const rows = {
    Sounds: info.event_labels.join(", "),
    Rate: `${info.rate_hz} Hz, a score every ${Math.round(1000 * info.frame_seconds)} ms`,
    "Front end": `${front.kind}, ${front.bands} bands, window ${1000 * front.window_seconds} ms (inside the model)`,
    Configuration: made.config,
    Run: made.run_id,
    "Data fingerprint": made.data_fingerprint,
    "Code commit": made.code_commit && made.code_commit.slice(0, 12) + (made.code_dirty ? " (changed)" : ""),
    Licence: made.licence,
    File: `SHA-256 ${info.sha256.slice(0, 16)}…`,
  };
  const list = document.getElementById("about");
  for (const [name, value] of Object.entries(rows)) {
    if (!value) continue;
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    text.textContent = value;
    list.append(term, text);
  }
  const missing = document.getElementById("no-on-device");
  missing.hidden = info.on_device;
}
