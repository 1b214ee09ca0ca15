import wrtc from '@roamhq/wrtc';
import type { BotOptions } from '../src/bots.ts';
import type { TransportParameters } from '../src/protocol.ts';
import { Relay } from '../src/relay.ts';
import { ConferenceClient } from '../web/client.ts';
import { createVoice, voiceSampleRateHz } from './voice.ts';

// mediasoup-client finds a browser's WebRTC among the globals; here it is libwebrtc's.
Object.assign(globalThis, {
  RTCPeerConnection: wrtc.RTCPeerConnection,
  MediaStream: wrtc.MediaStream,
  MediaStreamTrack: wrtc.MediaStreamTrack,
  RTCRtpTransceiver: wrtc.RTCRtpTransceiver,
});

const frameMs = 10;
const frameSamples = (voiceSampleRateHz * frameMs) / 1000;
/** Later than this, what should have been said is left out instead of being said in a rush. */
const maxLagMs = 500;

/** A participant that speaks. */
export class Bot {
  readonly #client: ConferenceClient;
  readonly #speaker: NodeJS.Timeout;
  readonly #track: MediaStreamTrack;
  #mutingTimer: NodeJS.Timeout | undefined;
  readonly #relays: Relay[];

  static async join({ url, name, voice, uplink, muting }: BotOptions & { url: string }): Promise<Bot> {
    const samples = createVoice(voice);
    const relays: Relay[] = [];
    const throughRelay = async (parameters: TransportParameters): Promise<TransportParameters> => {
      const target = parameters.iceCandidates.find(({ protocol }) => protocol === 'udp');
      if (target === undefined) throw new Error('the server offers no UDP candidate');
      const relay = await Relay.create({ target: { address: target.address, port: target.port }, uplink });
      relays.push(relay);
      return { ...parameters, iceCandidates: relay.rewrite(parameters.iceCandidates) };
    };
    const client = await ConferenceClient.connect({
      url,
      handlerName: 'Chrome111',
      ...(uplink === undefined ? {} : { adaptSendTransport: throughRelay }),
      onDisconnect: () => bot?.leave(),
    });
    let bot: Bot | undefined;
    try {
      await client.join(name);
      const source = new wrtc.nonstandard.RTCAudioSource();
      const track = source.createTrack();
      await client.send(track);
      bot = new Bot(client, { source, track, samples, relays });
      if (muting !== undefined) bot.#muteByTurns(muting);
      return bot;
    } catch (error) {
      client.close();
      for (const relay of relays) relay.close();
      throw error;
    }
  }

  private constructor(
    client: ConferenceClient,
    voice: {
      source: InstanceType<typeof wrtc.nonstandard.RTCAudioSource>;
      track: MediaStreamTrack;
      samples: Float32Array;
      relays: Relay[];
    },
  ) {
    this.#client = client;
    this.#track = voice.track;
    this.#relays = voice.relays;
    this.#speaker = speak(voice.samples, (samples) => {
      voice.source.onData({
        samples,
        sampleRate: voiceSampleRateHz,
        bitsPerSample: 16,
        channelCount: 1,
        numberOfFrames: frameSamples,
      });
    });
  }

  get participantId(): string {
    return this.#client.welcome.participantId;
  }

  setMuted(muted: boolean): Promise<void> {
    return this.#client.setMuted(muted);
  }

  leave(): void {
    clearInterval(this.#speaker);
    clearTimeout(this.#mutingTimer);
    this.#client.close();
    this.#track.stop();
    for (const relay of this.#relays) relay.close();
  }

  #muteByTurns({ talkMs, muteMs }: { talkMs: number; muteMs: number }): void {
    const turn = (muted: boolean) => {
      this.#mutingTimer = setTimeout(
        () => {
          this.setMuted(!muted).then(
            () => turn(!muted),
            // The connection has ended: so has the bot.
            () => {},
          );
        },
        muted ? muteMs : talkMs,
      );
    };
    turn(false);
  }
}

/** Says `voice` over and over in pieces of 10 ms, by the clock. */
function speak(voice: Float32Array, say: (samples: Int16Array) => void): NodeJS.Timeout {
  let position = 0;
  let dueMs = performance.now();
  return setInterval(() => {
    const nowMs = performance.now();
    if (nowMs - dueMs > maxLagMs) dueMs = nowMs;
    for (; dueMs <= nowMs; dueMs += frameMs) {
      const samples = new Int16Array(frameSamples);
      for (let index = 0; index < frameSamples; index++) {
        samples[index] = Math.round((voice[position] as number) * 32767);
        position = (position + 1) % voice.length;
      }
      say(samples);
    }
  }, frameMs / 2);
}
