import type { ModelManifest } from './manifest.ts';

/** Standard deviation of the MOS of a panel of listeners around a score: the network's own, and what panels differ by. */
export function panelSigma(networkSigma: number, { sigmaScale, panel }: ModelManifest['interval']): number {
  return Math.hypot(sigmaScale * networkSigma, panel?.sigma ?? 0);
}
