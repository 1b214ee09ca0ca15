import { isIP } from 'node:net';
import { checkBoolean, checkInteger, checkKeys, checkNumber, checkString } from '../base/options.ts';
import type { RestartBackoff } from './process/scorer-process.ts';

/**
 * A model that this package brings (nano: least cost; small: better; large: best, for files and a few streams: a tenth of a core each),
 * any other name in its models/, or the path of a manifest (.json).
 */
export type ModelName = 'nano' | 'small' | 'large' | (string & {});

/** Options of `Scorer.create`. Times are in ms. */
export interface ScorerOptions {
  /** Name of a model in this package's models/, or path of a manifest (.json). Default `small`. */
  model?: ModelName;
  /**
   * Scores with the model's files as they are on disk: when they change, and fit together, the new model takes over without
   * a restart (`modelchange`); when it cannot be used, the one before goes on (`modelerror`). Default false.
   */
  watchModel?: boolean;
  /** Scorer processes, 1 to 64. Default 1. */
  processes?: number;
  /** UDP sockets of each process, 0 to 64; 0 = packets and samples are only pushed. Default 4. */
  sockets?: number;
  /** Where the sockets are bound: an IPv4 or IPv6 address of this host. Default `127.0.0.1`. */
  address?: string;
  /** Port of the first socket; the others follow it, process by process. 0 = any free ports. Default 0. */
  firstPort?: number;
  /** Talk between scores, 100 to 60000. Default 1000. */
  intervalMs?: number;
  /** Speech that a window must hold to be scored, 100 up to the model's window. Default 1500. */
  minSpeechMs?: number;
  /** How long a missing packet is waited for, 0 to 1000. Default 60. */
  reorderMs?: number;
  /** Loss is concealed by the decoder up to this long, 0 to 1000, then by silence. Default 120. */
  concealMs?: number;
  /** A jump longer than this is a pause, not a loss; 100 to 60000. Default 1000. */
  gapMs?: number;
  /** Talk older than this is forgotten, 1000 to 3600000. Default 60000. */
  forgetMs?: number;
  /** Wanted kernel buffer of each socket, 4096 to 2^30 bytes; what was really given stands in the statistics. Default 4 MiB. */
  receiveBufferBytes?: number;
  /** Streams of each process, 1 to 100000. Default 2000. */
  maxStreams?: number;
  /** How often streams are looked at, 10 to 1000. Default 100. */
  tickMs?: number;
  /** A process that does not report for this long is killed and started again, 500 to 60000 and at least 5 ticks. Default 1500. */
  heartbeatTimeoutMs?: number;
  /** Wait before a restart: `initial` (default 100), doubled with each failure that follows soon, up to `max` (default 10000). */
  restartBackoffMs?: Partial<RestartBackoff>;
}

export type ResolvedScorerOptions = Required<Omit<ScorerOptions, 'restartBackoffMs'>> & {
  restartBackoffMs: RestartBackoff;
};

const defaults: ResolvedScorerOptions = {
  model: 'small',
  watchModel: false,
  processes: 1,
  sockets: 4,
  address: '127.0.0.1',
  firstPort: 0,
  intervalMs: 1000,
  minSpeechMs: 1500,
  reorderMs: 60,
  concealMs: 120,
  gapMs: 1000,
  forgetMs: 60_000,
  receiveBufferBytes: 4 << 20,
  maxStreams: 2000,
  tickMs: 100,
  heartbeatTimeoutMs: 1500,
  restartBackoffMs: { initial: 100, max: 10_000 },
};

/**
 * Fills in the defaults and checks every option.
 *
 * @throws {TypeError | RangeError} naming the option and the value
 */
export function resolveScorerOptions(options: ScorerOptions): ResolvedScorerOptions {
  checkKeys('Scorer options', options, Object.keys(defaults));
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  if (given.restartBackoffMs !== undefined) checkKeys('restartBackoffMs', given.restartBackoffMs, ['initial', 'max']);
  const restartBackoffMs = { ...defaults.restartBackoffMs, ...options.restartBackoffMs };
  const resolved: ResolvedScorerOptions = { ...defaults, ...given, restartBackoffMs };
  checkString('model', resolved.model);
  checkBoolean('watchModel', resolved.watchModel);
  checkString('address', resolved.address);
  if (isIP(resolved.address) === 0) throw new TypeError(`address must be an IP address, got '${resolved.address}'`);
  checkInteger('processes', resolved.processes, 1, 64);
  checkInteger('sockets', resolved.sockets, 0, 64);
  checkInteger('firstPort', resolved.firstPort, 0, 65536 - Math.max(1, resolved.processes * resolved.sockets));
  checkInteger('intervalMs', resolved.intervalMs, 100, 60_000);
  checkInteger('minSpeechMs', resolved.minSpeechMs, 100, 60_000);
  checkNumber('reorderMs', resolved.reorderMs, 0, 1000);
  checkNumber('concealMs', resolved.concealMs, 0, 1000);
  checkNumber('gapMs', resolved.gapMs, 100, 60_000);
  checkNumber('forgetMs', resolved.forgetMs, 1000, 3_600_000);
  checkInteger('receiveBufferBytes', resolved.receiveBufferBytes, 4096, 1 << 30);
  checkInteger('maxStreams', resolved.maxStreams, 1, 100_000);
  checkInteger('tickMs', resolved.tickMs, 10, 1000);
  checkInteger('heartbeatTimeoutMs', resolved.heartbeatTimeoutMs, Math.max(500, 5 * resolved.tickMs), 60_000);
  checkInteger('restartBackoffMs.initial', restartBackoffMs.initial, 0, 60_000);
  checkInteger('restartBackoffMs.max', restartBackoffMs.max, restartBackoffMs.initial, 3_600_000);
  return resolved;
}
