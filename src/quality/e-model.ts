/**
 * The E-model (ITU-T G.107), as far as packets tell: R = Ro - Is - Id - Ie,eff + A, where everything but the effective
 * equipment impairment keeps its default. A server between the talkers knows neither the listener's delay nor the room,
 * so Id stands for a call without noticeable delay.
 */

import type { AudioCodec } from '../engine/codecs.ts';

/** Ro - Is - Id + A with every parameter of G.107 Table 2 at its default. */
export const defaultTransmissionRating = 93.2;

interface EquipmentImpairment {
  /** Equipment impairment factor at no loss, Ie. */
  ie: number;
  /** Packet-loss robustness factor, Bpl. */
  bpl: number;
}

/**
 * G.711 with packet loss concealment: ITU-T G.113 Appendix I. Opus has no ITU value on this (narrow-band) scale. Assumed:
 * no impairment without loss, and the robustness of G.711 with concealment, whose decoder conceals equally well; in-band
 * FEC is not credited, as packets alone do not tell how much of it was usable.
 */
const impairments: Record<AudioCodec, EquipmentImpairment> = {
  opus: { ie: 0, bpl: 25.1 },
  pcmu: { ie: 0, bpl: 25.1 },
  pcma: { ie: 0, bpl: 25.1 },
};

/** Ie,eff = Ie + (95 - Ie) Ppl / (Ppl / BurstR + Bpl), G.107 §3.5; Ppl in percent. */
export function effectiveImpairment(codec: AudioCodec, lossRatio: number, burstRatio: number): number {
  const { ie, bpl } = impairments[codec];
  const ppl = 100 * lossRatio;
  return ie + ((95 - ie) * ppl) / (ppl / burstRatio + bpl);
}

/** Transmission rating R to MOS-CQE, 1 to 4.5 (G.107 Annex B). */
export function mosFromRating(rating: number): number {
  if (rating <= 0) return 1;
  if (rating >= 100) return 4.5;
  // The polynomial dips below 1 for R < 6.5.
  return Math.max(1, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6);
}

/** Conversational quality from loss alone, MOS 1 to 4.5. */
export function mosCqe(codec: AudioCodec, lossRatio: number, burstRatio: number): number {
  return mosFromRating(defaultTransmissionRating - effectiveImpairment(codec, lossRatio, burstRatio));
}
