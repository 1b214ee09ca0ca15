/**
 * One number for a course of scores: the published formula of temporal pooling of Recommendation ITU-T P.1203.3 (10/2017),
 * "Parametric bitstream-based quality assessment of progressive download and adaptive audiovisual streaming services over
 * reliable transport - Quality integration module", clause 8.3, Equations 19 to 21, with its constants. A score q at time
 * t of T weighs w1 w2, with w1 = t1 + t2 exp(t / (T t3)), which favours the end (4.6 to 1 against the beginning), and
 * w2 = t4 - t5 q, which favours what is bad (5 to 1 from bad to excellent). The corrections for switching and stalling of
 * adaptive streaming, Equations 4 to 7 and 22 to 31, have no counterpart in a call and are left out.
 */
const t1 = 0.00666620027943848;
const t2 = 0.0000404018840273729;
const t3 = 0.156497800436237;
const t4 = 0.143179744942738;
const t5 = 0.0238641564518876;

export const poolingMethod = 'ITU-T P.1203.3 clause 8.3, Eq. 19-21';

/** Of recency: how much a score at this share of the whole time counts. */
const recencyWeight = (share: number) => t1 + t2 * Math.exp(share / t3);
/** Of badness: how much a score of this MOS counts. */
const badnessWeight = (mos: number) => t4 - t5 * mos;

/** Neighbouring scores together. */
interface Bin {
  scores: number;
  /** Sum of their w2. */
  weight: number;
  /** Sum of their w2 q. */
  weighted: number;
}

/**
 * Keeps what pooling needs of any number of scores in at most `maxBins` bins. When they are full, neighbours are put
 * together, and w1 is that of a bin's middle: exact up to `maxBins` scores, and within 0.001 MOS beyond with the default.
 */
export class TemporalPooling {
  readonly #maxBins: number;
  readonly #bins: Bin[] = [];
  #scoresPerBin = 1;

  /** `maxBins`: even. Default 512. */
  constructor(maxBins = 512) {
    this.#maxBins = maxBins;
  }

  add(mos: number): void {
    const weight = badnessWeight(mos);
    const last = this.#bins.at(-1);
    if (last !== undefined && last.scores < this.#scoresPerBin) {
      last.scores++;
      last.weight += weight;
      last.weighted += weight * mos;
      return;
    }
    if (this.#bins.length === this.#maxBins) this.#halve();
    this.#bins.push({ scores: 1, weight, weighted: weight * mos });
  }

  /** Pooled MOS, 1 to 5; undefined without scores. */
  get mos(): number | undefined {
    const total = this.#bins.reduce((sum, { scores }) => sum + scores, 0);
    let before = 0;
    let weights = 0;
    let weighted = 0;
    for (const bin of this.#bins) {
      // Scores count from 1, so that the last one is at the very end.
      const recency = recencyWeight((before + (bin.scores + 1) / 2) / total);
      weights += recency * bin.weight;
      weighted += recency * bin.weighted;
      before += bin.scores;
    }
    return total === 0 ? undefined : weighted / weights;
  }

  #halve(): void {
    const bins = this.#bins.splice(0);
    for (let index = 0; index < bins.length; index += 2) {
      const [one, two] = [bins[index] as Bin, bins[index + 1] as Bin];
      this.#bins.push({
        scores: one.scores + two.scores,
        weight: one.weight + two.weight,
        weighted: one.weighted + two.weighted,
      });
    }
    this.#scoresPerBin *= 2;
  }
}
