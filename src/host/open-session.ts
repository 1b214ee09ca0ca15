import { checkKeys } from '../base/options.ts';
import { loadNative } from '../engine/load.ts';
import { engineOptionsFor } from '../scoring/engine-options.ts';
import type { GateOptions } from '../scoring/score-policy.ts';
import { ScoringSession } from '../scoring/session.ts';
import { type ResolvedScorerOptions, resolveScorerOptions, type ScorerOptions } from './scorer-options.ts';

/** Options of `openSession`: those of a `Scorer` that do not concern processes and sockets, with the same defaults. */
export type SessionOptions = Pick<
  ScorerOptions,
  'model' | 'intervalMs' | 'minSpeechMs' | 'reorderMs' | 'concealMs' | 'gapMs' | 'forgetMs' | 'maxStreams'
>;

const keys = ['model', 'intervalMs', 'minSpeechMs', 'reorderMs', 'concealMs', 'gapMs', 'forgetMs', 'maxStreams'];

/**
 * A session in this process, for recordings: it has no clock, so an hour is scored as fast as it can be computed.
 *
 * @example
 * const session = await openSession();
 * session.addStream({ streamId: 'file' }, 0);
 * for (let ms = 0; ms < durationMs; ms += 100) {
 *   session.pushPcm('file', samples.subarray(ms * 16, (ms + 100) * 16), ms);
 *   for (const event of await session.tick(ms + 100)) console.log(event);
 * }
 * session.close();
 *
 * @throws {TypeError | RangeError} on a wrong option, naming it and the value
 * @throws {ModelLoadError} when the model cannot be used
 */
export async function openSession(options: SessionOptions = {}): Promise<ScoringSession> {
  checkKeys('session options', options, keys);
  const resolved: ResolvedScorerOptions = resolveScorerOptions(options);
  // Loaded only here: an application with scorer processes needs no runtime for networks in this one.
  const { loadModel } = await import('../model/load.ts');
  const addon = loadNative();
  const model = await loadModel(resolved.model, addon.features);
  const { address, receiveBufferBytes, reorderMs, concealMs, gapMs, forgetMs, maxStreams } = resolved;
  const hearing = {
    address,
    receiveBufferBytes,
    reorderMs,
    concealMs,
    gapMs,
    forgetMs,
    maxStreams,
    sockets: 0,
    ports: [],
  };
  const gateOptions: GateOptions = { intervalMs: resolved.intervalMs, minSpeechMs: resolved.minSpeechMs };
  const engine = new addon.Engine(engineOptionsFor(model, hearing));
  return new ScoringSession({ engine, model, forgetMs, ...gateOptions });
}
