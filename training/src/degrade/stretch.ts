/** Length of the pieces that are laid over each other, samples (20 ms), and how far their places are searched (6 ms). */
const overlap = 320;
const search = 96;

/** A part of a clip that is played at another speed, samples. */
export interface StretchedPart {
  from: number;
  to: number;
  /** Above 1: longer (the jitter buffer waits for packets); below 1: shorter (it catches up). */
  factor: number;
}

/**
 * Plays parts of a signal slower or faster at the same pitch, as jitter buffers do: WSOLA (W. Verhelst and M. Roelands,
 * "An overlap-add technique based on waveform similarity", ICASSP 1993).
 *
 * @param parts - in order, not overlapping
 * @returns the new signal, and for each of its samples the place in the old one that it comes from
 */
export function stretch(
  samples: Float32Array,
  parts: readonly StretchedPart[],
): { samples: Float32Array; origin: Float64Array } {
  const pieces: { samples: Float32Array; from: number; factor: number }[] = [];
  let at = 0;
  for (const { from, to, factor } of parts) {
    pieces.push({ samples: samples.subarray(at, from), from: at, factor: 1 });
    pieces.push({ samples: timeScaled(samples, from, to, factor), from, factor });
    at = to;
  }
  pieces.push({ samples: samples.subarray(at), from: at, factor: 1 });
  const length = pieces.reduce((sum, piece) => sum + piece.samples.length, 0);
  const out = { samples: new Float32Array(length), origin: new Float64Array(length) };
  let end = 0;
  for (const piece of pieces) {
    out.samples.set(piece.samples, end);
    for (let n = 0; n < piece.samples.length; n++) out.origin[end + n] = piece.from + n / piece.factor;
    end += piece.samples.length;
  }
  return out;
}

/** The samples from `from` to `to`, in `factor` times their length. */
function timeScaled(samples: Float32Array, from: number, to: number, factor: number): Float32Array {
  const length = Math.round((to - from) * factor);
  const out = new Float32Array(length);
  // It begins as the original goes on, so that the join before it cannot be heard.
  out.set(samples.subarray(from, Math.min(from + overlap, from + length)));
  let continuation = from + overlap;
  for (let at = overlap; at < length; at += overlap) {
    const wanted = from + Math.round(at / factor);
    const place = mostSimilar(samples, continuation, wanted);
    for (let n = 0; n < overlap && at + n < length; n++) {
      const weight = (n + 0.5) / overlap;
      out[at + n] = (1 - weight) * (samples[continuation + n] ?? 0) + weight * (samples[place + n] ?? 0);
    }
    continuation = place + overlap;
  }
  // It ends as the original goes on.
  const tail = Math.min(overlap, length);
  for (let n = 0; n < tail; n++) {
    const weight = (n + 0.5) / tail;
    const position = length - tail + n;
    out[position] = (1 - weight) * (out[position] as number) + weight * (samples[to - tail + n] ?? 0);
  }
  return out;
}

/** The place near `wanted` where the signal is most like it is at `reference`. */
function mostSimilar(samples: Float32Array, reference: number, wanted: number): number {
  let best = wanted;
  let most = Number.NEGATIVE_INFINITY;
  for (let place = Math.max(0, wanted - search); place <= wanted + search; place += 2) {
    let [product, energy] = [0, 1e-9];
    for (let n = 0; n < overlap; n += 2) {
      const sample = samples[place + n] ?? 0;
      product += (samples[reference + n] ?? 0) * sample;
      energy += sample * sample;
    }
    const similarity = product / Math.sqrt(energy);
    if (similarity > most) [most, best] = [similarity, place];
  }
  return best;
}
