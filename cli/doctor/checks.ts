import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { glibcVersion, otherLibcAdvice } from '../../src/base/libc.ts';
import { buildAdvice, loadNative } from '../../src/engine/load.ts';
import { Scorer } from '../../src/host/scorer.ts';
import { verifyModel } from '../../src/verification/verify.ts';
import { ffmpegAdvice } from '../score/decode.ts';

const run = promisify(execFile);

/** What a check found. `advice`: what to do about it, when it is not `ok`. */
export interface Finding {
  readonly status: 'ok' | 'warning' | 'broken';
  readonly found: string;
  readonly advice?: string;
}

export interface Check {
  readonly what: string;
  look(): Promise<Finding>;
}

const ok = (found: string): Finding => ({ status: 'ok', found });
const warning = (found: string, advice: string): Finding => ({ status: 'warning', found, advice });
const broken = (found: string, advice: string): Finding => ({ status: 'broken', found, advice });

const oldestNode = 20;
/** Receive buffer that holds some 6,000 packets: about 100 ms of 1,000 people who talk. */
const wantedReceiveBufferBytes = 4 << 20;

const firstLine = (error: unknown) => (error as Error).message.split('\n')[0] as string;

/** What an installation needs, one after the other. `model`: name or path of a manifest. */
export function checks(model: string): Check[] {
  return [
    { what: 'Node.js', look: async () => checkNode(process.version) },
    { what: 'platform', look: async () => checkPlatform() },
    { what: 'native addon', look: async () => checkAddon() },
    { what: 'onnxruntime', look: checkRuntime },
    { what: `model ${model}`, look: () => checkModel(model) },
    { what: 'scorer process', look: () => checkScorer(model) },
    { what: 'socket buffers', look: async () => checkBuffersIn('/proc/sys/net/core/rmem_max') },
    { what: 'mediasoup worker', look: () => checkMediasoup(process.cwd()) },
    { what: 'ffmpeg', look: () => checkFfmpeg('ffmpeg') },
  ];
}

/** A check that cannot be made is a finding too: the others are made all the same. */
export async function findingOf(look: Check['look']): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    return broken(firstLine(error), 'this check could not be made');
  }
}

export function checkNode(version: string): Finding {
  const major = Number.parseInt(version.slice(1), 10);
  if (major >= oldestNode) return ok(version);
  return broken(version, `install Node.js ${oldestNode} or newer`);
}

/** `glibc`: its version, if the C library is that. */
export function checkPlatform(
  platform: string = process.platform,
  arch: string = process.arch,
  glibc: string | null = glibcVersion(),
): Finding {
  if (platform !== 'linux')
    return broken(`${platform} ${arch}`, 'only Linux is supported: run it in a container or a virtual machine');
  if (glibc === null) return broken(`${platform} ${arch}, not glibc`, otherLibcAdvice);
  const found = `${platform} ${arch}, glibc ${glibc}`;
  return arch === 'x64' ? ok(found) : warning(found, `no addon is brought for it; ${buildAdvice(glibc)}`);
}

function checkAddon(): Finding {
  try {
    const { features } = loadNative();
    return ok(`loads; ${features.mels} mel bands at ${features.sampleRateHz} Hz`);
  } catch (error) {
    return broken((error as Error).message, buildAdvice());
  }
}

async function checkRuntime(): Promise<Finding> {
  try {
    const { env } = await import('../../src/model/runtime.ts');
    return ok(`loads; ${env.versions.node ?? env.versions.common}`);
  } catch (error) {
    return broken(
      firstLine(error),
      'install the package again; the runtime needs glibc 2.28 or newer, so not Alpine (musl)',
    );
  }
}

async function checkModel(model: string): Promise<Finding> {
  try {
    const { identity } = (await verifyModel(model)).model;
    return ok(`version ${identity.version}: hashes, constants, shapes and scores of recorded speech agree`);
  } catch (error) {
    return broken(firstLine(error), 'install the package again, or name another model: --model');
  }
}

async function checkScorer(model: string): Promise<Finding> {
  try {
    const startMs = performance.now();
    const scorer = await Scorer.create({ model, sockets: 1 });
    const tookMs = Math.round(performance.now() - startMs);
    await scorer.close();
    return ok(`ready after ${tookMs} ms`);
  } catch (error) {
    return broken(firstLine(error), 'mend what is broken above; DEBUG=mediasoup-mos* shows more');
  }
}

/** `file`: where the system states the largest receive buffer. Containers and sandboxes may hide it. */
export function checkBuffersIn(file: string): Finding {
  try {
    return checkBuffers(readFileSync(file, 'utf8'));
  } catch (error) {
    const advice = 'the limit is hidden here; on the host, for hundreds of streams:';
    return warning(firstLine(error), `${advice} sysctl -w net.core.rmem_max=${wantedReceiveBufferBytes}`);
  }
}

/** `rmemMax`: text of /proc/sys/net/core/rmem_max, bytes. */
export function checkBuffers(rmemMax: string): Finding {
  const bytes = Number.parseInt(rmemMax, 10);
  const found = `net.core.rmem_max is ${bytes}`;
  if (bytes >= wantedReceiveBufferBytes) return ok(found);
  return warning(found, `for hundreds of streams: sysctl -w net.core.rmem_max=${wantedReceiveBufferBytes}`);
}

/** `folder`: whose node_modules is looked into. */
export async function checkMediasoup(folder: string): Promise<Finding> {
  const requireThere = createRequire(join(folder, 'doctor.cjs'));
  try {
    requireThere.resolve('mediasoup');
  } catch {
    return warning(
      'mediasoup is not installed here',
      'npm install mediasoup: only "score", "listen" and "serve" go without it',
    );
  }
  const { version, workerBin } = requireThere('mediasoup') as { version: string; workerBin: string };
  try {
    // Without its channel the worker names what is missing, and ends.
    await run(workerBin, []);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code !== 'number') return broken(`mediasoup ${version}: ${workerBin}: ${code}`, 'npm rebuild mediasoup');
  }
  return ok(`mediasoup ${version}`);
}

/** `command`: name or path of ffmpeg. */
export async function checkFfmpeg(command: string): Promise<Finding> {
  try {
    const { stdout } = await run(command, ['-version']);
    return ok(stdout.split(' ').slice(0, 3).join(' '));
  } catch {
    return warning('not found', ffmpegAdvice);
  }
}
