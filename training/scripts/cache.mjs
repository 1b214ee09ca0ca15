// Where set-up keeps what is downloaded or built once per machine, outside of the checkout.
import { homedir } from 'node:os';
import { join } from 'node:path';

/** MOS_TRAINING_CACHE, or mediasoup-mos-training in the user's cache folder (XDG Base Directory). */
export function cacheFolder(environment = process.env) {
  if (environment.MOS_TRAINING_CACHE) return environment.MOS_TRAINING_CACHE;
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mediasoup-mos-training');
}
