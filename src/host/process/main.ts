/**
 * The scorer process: decodes, scores, and reports to its parent, ten times a second. It is started by `launch` only, and ends
 * when its parent goes, however that goes.
 */

import type { NativeAddon, NativeEngine, NativeEngineOptions } from '../../engine/contract.ts';
import { loadNative } from '../../engine/load.ts';
import { loadModel } from '../../model/load.ts';
import { engineOptionsFor } from '../../scoring/engine-options.ts';
import { ScoringSession, type StreamFault } from '../../scoring/session.ts';
import { type FromProcess, type InitMessage, type ToProcess, toPlainError } from './protocol.ts';
import { ScorerLoop } from './scorer-loop.ts';

function send(message: FromProcess, sent?: () => void): void {
  // A parent that is gone takes nothing: 'disconnect' follows.
  process.send?.(message, undefined, undefined, () => sent?.());
}

function openEngine(addon: NativeAddon, options: NativeEngineOptions, otherPortsAllowed: boolean): NativeEngine {
  try {
    return new addon.Engine(options);
  } catch (error) {
    if (!otherPortsAllowed || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return new addon.Engine({ ...options, ports: options.ports.map(() => 0) });
  }
}

async function start(init: InitMessage): Promise<ScorerLoop> {
  const addon = loadNative();
  const model = await loadModel(init.model, addon.features);
  const { address, ports, reorderMs, concealMs, gapMs, forgetMs, receiveBufferBytes, maxStreams } = init;
  const hearing = {
    sockets: ports.length,
    address,
    ports,
    reorderMs,
    concealMs,
    gapMs,
    forgetMs,
    receiveBufferBytes,
    maxStreams,
  };
  const engine = openEngine(addon, engineOptionsFor(model, hearing), init.otherPortsAllowed);
  const { intervalMs, minSpeechMs, tickMs } = init;
  const onFault = (fault: StreamFault) => loop.onFault(fault);
  const session = new ScoringSession({ engine, model, forgetMs, intervalMs, minSpeechMs, onFault });
  const { sockets, decoderBytesPerStream } = engine;
  const load = (name: string) => loadModel(name, addon.features);
  const loop: ScorerLoop = new ScorerLoop({ session, engine, model, load, tickMs, send });
  const { bytesPerStream } = session;
  send({ type: 'ready', sockets: [...sockets], manifest: model.manifest, bytesPerStream, decoderBytesPerStream });
  return loop;
}

process.title = 'mediasoup-mos scorer';
process.on('disconnect', () => process.exit());
// Ctrl-C reaches the whole group: the parent decides what becomes of its scorers.
process.on('SIGINT', () => {});

process.once('message', async (init: InitMessage) => {
  const started = await start(init).catch((error) => {
    send({ type: 'failed', error: toPlainError(error) }, () => process.exit(1));
    return undefined;
  });
  if (started === undefined) return;
  process.on('message', (message: ToProcess) => {
    if (message.type === 'commands') for (const command of message.commands) started.execute(command);
  });
  await started.run();
});
