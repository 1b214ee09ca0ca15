/**
 * The wide-band E-model (ITU-T G.107.1), as far as packets show: R = Ro,WB - Is,WB - Id,WB - Ie,eff,WB + A, where everything
 * but the effective equipment impairment keeps its default (clause 7.7). A server between the talkers knows neither the
 * listener's delay nor the room, so Id,WB stands for a call without noticeable delay.
 */

import { type AudioCodec, speechCodecs } from '../engine/codecs.ts';

/** Transmission rating of an unimpaired wide-band call, G.107.1: the narrow-band scale of G.107 ends at 93.2 on it. */
export const widebandRating = 129;

/**
 * Ie,eff,WB = Ie,WB + (95 - Ie,WB) Ppl / (Ppl + Bpl), G.107.1 clause 7.5; Ppl in percent. The wide-band formula has no term for
 * bursts.
 *
 * @param lossRatio - of packets that nothing repaired, 0 to 1
 */
export function effectiveImpairment(codec: AudioCodec, lossRatio: number): number {
  const { ie, bpl } = speechCodecs[codec].eModel;
  const ppl = 100 * lossRatio;
  return ie + ((95 - ie) * ppl) / (ppl + bpl);
}

/** Transmission rating on the narrow-band scale to MOS-CQE, 1 to 4.5 (G.107 Annex B). */
export function mosFromRating(rating: number): number {
  if (rating <= 0) return 1;
  if (rating >= 100) return 4.5;
  // The polynomial dips below 1 for R < 6.5.
  return Math.max(1, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6);
}

/** MOS of a call with this impairment on the wide-band scale and no other, 1 to 4.5 (G.107.1 Annex A: its ratings are divided by 1.29). */
export function mosAtImpairment(impairment: number): number {
  return mosFromRating((widebandRating - impairment) / 1.29);
}

/** Conversational quality from loss alone, MOS 1 to 4.5. */
export function mosCqe(codec: AudioCodec, lossRatio: number): number {
  return mosAtImpairment(effectiveImpairment(codec, lossRatio));
}

/**
 * Idd, impairment by delay in a call without echo (G.107 clause 7.4 with its defaults sT = 1, mT = 100 ms; G.107.1 clause 7.4).
 * The other terms of Id are those of echo, which terminals cancel.
 *
 * @param oneWayMs - from mouth to ear, ms; no impairment up to 100
 */
export function delayImpairment(oneWayMs: number): number {
  if (!(oneWayMs > 100)) return 0;
  const x = Math.log2(oneWayMs / 100);
  return 25 * ((1 + x ** 6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2);
}
