import type { NativeAddon } from '../../../src/engine/contract.ts';
import { listenOptions } from '../degrade/clip-maker.ts';
import type { Composed } from '../degrade/compose.ts';
import { arriving, type DrawnLeg, encoded } from '../degrade/leg.ts';
import { type Heard, listen } from '../degrade/listen.ts';
import { referenceOf } from '../degrade/reference.ts';
import type { Random } from '../run/random.ts';

/** A clip at the server, and the same without what happened to it in time. */
export interface AtServer {
  heard: Heard;
  reference: Float32Array;
}

/** Sends a clip over its last leg; what a metric compares it with is the undisturbed `clean`, over nothing. */
export async function atServer(
  clip: Composed,
  clean: Composed,
  leg: DrawnLeg,
  { addon, random }: { addon: NativeAddon; random: Random },
): Promise<AtServer> {
  const { arrivals, types } = arriving(await encoded(clip.samples, leg, addon), leg, random);
  const heard = listen(addon, arrivals, types, listenOptions);
  const { origin } = clip;
  const before = { samples: clean.samples, speech: clean.speech, ...(origin ? { origin } : {}) };
  const reference = referenceOf(before, { samples: clean.samples }, { codec: 'pcm' }, heard, {
    ...{ addon, options: listenOptions },
  });
  return { heard, reference };
}
