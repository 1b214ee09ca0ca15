/** The runtime of ONNX networks, with its telemetry off. Nothing else in this package loads it. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type * as Runtime from 'onnxruntime-common';
import { packageRoot, requireFromPackage, runsFromSource } from '../base/package-root.ts';
import { loadNative } from '../engine/load.ts';

/**
 * Since 1.29 the runtime, as it is published, writes a device id and usage events into the user's cache folder and sends
 * them to its maker, unless this variable is set in the process's environment before it is loaded.
 */
const variable = 'ORT_DISABLE_TELEMETRY';

function disableTelemetry(): void {
  process.env[variable] = '1';
  // In a worker thread `process.env` is a copy: the runtime does not see it.
  if (!isMainThread) loadNative().setEnvironment(variable, '1');
}

/** What the package brings of onnxruntime-node (scripts/vendor-runtime.mjs); while it is developed, the package itself. */
const brought = join(packageRoot, 'runtime');
const runtime = !runsFromSource && existsSync(brought) ? brought : 'onnxruntime-node';

disableTelemetry();
// By `require`, as an `import` would load it before the lines above run.
export const { InferenceSession, Tensor, env } = requireFromPackage(runtime) as typeof Runtime;
export type InferenceSession = Runtime.InferenceSession;
export type Tensor = Runtime.Tensor;
