import { codecIds, type NativeEngineOptions, type NativeStreamOptions, ringKinds } from '../../src/engine/contract.ts';

/** Some Unix time, ms. */
export const startMs = 1.7e12;

export const engineOptions = (changes: Partial<NativeEngineOptions> = {}): NativeEngineOptions => ({
  sockets: 0,
  address: '127.0.0.1',
  ports: [],
  receiveBufferBytes: 0,
  ringKind: ringKinds.logMel,
  ringFrames: 768,
  reorderMs: 60,
  concealMs: 120,
  gapMs: 1000,
  forgetMs: 60_000,
  maxStreams: 8,
  ...changes,
});

export const streamOptions = (changes: Partial<NativeStreamOptions> = {}): NativeStreamOptions => ({
  socket: -1,
  sourceAddress: '127.0.0.1',
  sourcePort: 1,
  ssrc: 0x1234,
  payloadTypes: [{ payloadType: 111, codec: codecIds.opus, clockRateHz: 48_000 }],
  audioLevelId: 0,
  ...changes,
});
