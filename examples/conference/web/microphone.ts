/** Cut-offs of the low-pass filter; above the last one nothing is cut. */
const noLimitHz = 20_000;
const noiseSeconds = 4;

/** A microphone with what can be wrong with one: noise, and the high frequencies missing. */
export class Microphone {
  /** What is sent. */
  readonly track: MediaStreamTrack;
  readonly #context: AudioContext;
  readonly #captured: MediaStream;
  readonly #noiseGain: GainNode;
  readonly #filters: BiquadFilterNode[];

  /** @throws Error when there is no microphone, or the reader does not allow it */
  static async open(): Promise<Microphone> {
    if (navigator.mediaDevices === undefined) throw new Error('a page gets one on localhost or over HTTPS only');
    const captured = await navigator.mediaDevices.getUserMedia({ audio: true });
    const context = new AudioContext();
    await context.resume();
    return new Microphone(captured, context);
  }

  private constructor(captured: MediaStream, context: AudioContext) {
    this.#captured = captured;
    this.#context = context;
    this.#noiseGain = new GainNode(context, { gain: 0 });
    // Eighth order (Butterworth): nothing worth hearing is left an octave above.
    this.#filters = [0.51, 0.6, 0.9, 2.56].map((q) => lowPass(context, q));
    const output = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    const noise = new AudioBufferSourceNode(context, { buffer: createNoise(context), loop: true });
    noise.connect(this.#noiseGain);
    noise.start();
    const voice = new MediaStreamAudioSourceNode(context, { mediaStream: captured });
    const mix = new GainNode(context);
    voice.connect(mix);
    this.#noiseGain.connect(mix);
    this.#filters.reduce((from: AudioNode, to) => from.connect(to), mix).connect(output);
    this.track = output.stream.getAudioTracks()[0] as MediaStreamTrack;
  }

  /** @param levelDb - RMS of the noise, dB below full scale (negative); undefined = none */
  setNoise(levelDb: number | undefined): void {
    this.#noiseGain.gain.value = levelDb === undefined ? 0 : 10 ** (levelDb / 20);
  }

  /** Frequencies above this are cut off; undefined = none. */
  setHighestFrequency(hz = noLimitHz): void {
    for (const { frequency } of this.#filters) frequency.value = hz;
  }

  close(): void {
    for (const track of this.#captured.getTracks()) track.stop();
    this.track.stop();
    this.#context.close();
  }
}

/** `q` as in the textbooks; the node wants dB. */
const lowPass = (context: AudioContext, q: number): BiquadFilterNode =>
  new BiquadFilterNode(context, { type: 'lowpass', frequency: noLimitHz, Q: 20 * Math.log10(q) });

/** Steady noise with more low than high frequencies, as of a fan; its RMS is 1. */
function createNoise(context: AudioContext): AudioBuffer {
  const buffer = new AudioBuffer({ length: noiseSeconds * context.sampleRate, sampleRate: context.sampleRate });
  const samples = buffer.getChannelData(0);
  let smooth = 0;
  let power = 0;
  for (let index = 0; index < samples.length; index++) {
    smooth += 0.15 * (2 * Math.random() - 1 - smooth);
    samples[index] = smooth;
    power += smooth * smooth;
  }
  const scale = 1 / Math.sqrt(power / samples.length);
  for (let index = 0; index < samples.length; index++) samples[index] = (samples[index] as number) * scale;
  return buffer;
}
