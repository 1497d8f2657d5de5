// The microphone: opened on demand, watched while it runs. What goes wrong is told in words.

const BLOCK_SECONDS = 0.02;
const STALL_MS = 5000;
const WORDS = {
  NotAllowedError:
    "The browser refuses the microphone. Allow it for this page (the symbol beside the address), then press Start again.",
  NotFoundError: "No microphone was found. Plug one in, then press Start again.",
  NotReadableError: "The microphone cannot be opened: another program may be using it. Close that, then press Start again.",
  AbortError: "The microphone could not be started. Press Start again.",
};
const INSECURE =
  "Browsers give a microphone only to pages opened over https or on this very machine. " +
  "Start the server with --tls self and open the https address it prints. Recordings can be opened all the same.";

export class Microphone {
  /** told: {block(Float32Array), lost(words), state(words)}. Raises an Error with words for people. */
  static async open(told) {
    if (!navigator.mediaDevices?.getUserMedia || !globalThis.AudioWorkletNode) throw new Error(INSECURE);
    let stream;
    try {
      // What a browser does for telephony would change the sounds the model knows.
      const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
      stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
    } catch (error) {
      throw new Error(WORDS[error.name] ?? `The microphone cannot be opened (${error.name}).`);
    }
    const microphone = new Microphone(stream, told);
    try {
      await microphone.start();
    } catch (error) {
      microphone.close();
      throw error;
    }
    return microphone;
  }

  constructor(stream, told) {
    this.stream = stream;
    this.told = told;
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.rateHz = this.context.sampleRate;
    this.name = stream.getAudioTracks()[0].label;
  }

  async start() {
    const { context } = this;
    try {
      await context.audioWorklet.addModule(new URL("capture_worklet.js", import.meta.url));
    } catch {
      throw new Error("A part of this page could not be loaded: the server does not answer. Press Start again.");
    }
    const processorOptions = { blockSamples: Math.round(BLOCK_SECONDS * this.rateHz) };
    this.node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, processorOptions });
    context.createMediaStreamSource(this.stream).connect(this.node);
    await context.resume();
    this.lastBlockMs = performance.now();
    this.node.port.onmessage = ({ data }) => {
      this.lastBlockMs = performance.now();
      this.told.block(data);
    };
    this.stream.getAudioTracks()[0].onended = () => this.lose("The microphone is gone. Plug it in, then press Start.");
    context.onstatechange = () => this.tellState();
    this.watch = setInterval(() => this.checkStall(), 1000);
  }

  /** A phone call or a sleeping tab suspends the audio; it goes on by itself or with the next touch. */
  tellState() {
    if (this.context.state === "running") this.told.state("");
    else if (this.context.state !== "closed") {
      this.told.state("The browser has paused the microphone. Touch the page to go on.");
      addEventListener("pointerdown", () => this.context.resume().catch(() => {}), { once: true });
    }
  }

  checkStall() {
    const running = this.context.state === "running" && !document.hidden;
    if (running && performance.now() - this.lastBlockMs > STALL_MS) {
      this.lose("The microphone gives no audio any more. Press Start again.");
    }
  }

  lose(words) {
    this.close();
    this.told.lost(words);
  }

  close() {
    clearInterval(this.watch);
    for (const track of this.stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    this.context.onstatechange = null;
    if (this.node) this.node.port.onmessage = null;
    this.context.close().catch(() => {});
  }
}
