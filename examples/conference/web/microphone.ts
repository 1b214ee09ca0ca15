/** The captured voice, sent as it is until something is to be wrong with it. */
export class Microphone {
  /** What is sent. */
  track: MediaStreamTrack;
  readonly #captured: MediaStream;
  readonly #onTrack: (track: MediaStreamTrack) => Promise<void>;
  #graph: Promise<DegradedVoice> | undefined;

  /**
   * @param onTrack - sends another track from now on
   * @throws Error when there is no microphone, or the reader does not allow it
   */
  static async open(onTrack: (track: MediaStreamTrack) => Promise<void>): Promise<Microphone> {
    if (navigator.mediaDevices === undefined) throw new Error('a page gets one on localhost or over HTTPS only');
    return new Microphone(await navigator.mediaDevices.getUserMedia({ audio: true }), onTrack);
  }

  private constructor(captured: MediaStream, onTrack: (track: MediaStreamTrack) => Promise<void>) {
    this.#captured = captured;
    this.#onTrack = onTrack;
    this.track = captured.getAudioTracks()[0] as MediaStreamTrack;
  }

  /** @param levelDb - RMS of the noise, dB below full scale (negative); undefined = none */
  async setNoise(levelDb: number | undefined): Promise<void> {
    if (levelDb === undefined && this.#graph === undefined) return;
    (await this.#degraded()).setNoise(levelDb);
  }

  /** Frequencies above this are cut off; undefined = none. */
  async setHighestFrequency(hz: number | undefined): Promise<void> {
    if (hz === undefined && this.#graph === undefined) return;
    (await this.#degraded()).setHighestFrequency(hz);
  }

  close(): void {
    for (const track of this.#captured.getTracks()) track.stop();
    this.#graph?.then((graph) => graph.close()).catch(() => {});
  }

  /**
   * Audio goes through a graph from the first change on, and not before: where there is no audio output Firefox does not
   * start one, and the voice would never be sent.
   */
  #degraded(): Promise<DegradedVoice> {
    this.#graph ??= DegradedVoice.start(this.#captured).then(
      async (graph) => {
        this.track = graph.track;
        await this.#onTrack(graph.track);
        return graph;
      },
      (error: Error) => {
        this.#graph = undefined;
        throw error;
      },
    );
    return this.#graph;
  }
}

/** Cut-offs of the low-pass filter; above the last one nothing is cut. */
const noLimitHz = 20_000;
const noiseSeconds = 4;
/** A graph that does not start within this time will not, ms. */
const startTimeoutMs = 3000;

/** A microphone with what can be wrong with one: noise, and the high frequencies missing. */
class DegradedVoice {
  readonly track: MediaStreamTrack;
  readonly #context: AudioContext;
  readonly #noiseGain: GainNode;
  readonly #filters: BiquadFilterNode[];

  /** @throws Error when the browser starts no audio graph, as Firefox without an audio output */
  static async start(captured: MediaStream): Promise<DegradedVoice> {
    const context = new AudioContext();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error('noise and filter need an audio output, and there is none')),
        startTimeoutMs,
      );
    });
    try {
      await Promise.race([context.resume(), tooLate]);
    } catch (error) {
      context.close().catch(() => {});
      throw error;
    } finally {
      clearTimeout(timer);
    }
    return new DegradedVoice(captured, context);
  }

  private constructor(captured: MediaStream, context: AudioContext) {
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

  setNoise(levelDb: number | undefined): void {
    this.#noiseGain.gain.value = levelDb === undefined ? 0 : 10 ** (levelDb / 20);
  }

  setHighestFrequency(hz = noLimitHz): void {
    for (const { frequency } of this.#filters) frequency.value = hz;
  }

  close(): void {
    this.track.stop();
    this.#context.close().catch(() => {});
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
