/** Scores of one file by two models. */
export interface Pair {
  readonly file: string;
  readonly one: number;
  readonly other: number;
}

export interface Agreement {
  readonly n: number;
  /** Mean of other - one. */
  readonly bias: number;
  /** Root mean square of other - one. */
  readonly rmsDifference: number;
  /** Pearson's correlation; undefined with fewer than 3 files, or when one of the models always gives the same score. */
  readonly pcc?: number;
}

/** How two models agree; of at least one pair. */
export function agreement(pairs: readonly Pair[]): Agreement {
  const n = pairs.length;
  const mean = (of: (pair: Pair) => number) => pairs.reduce((sum, pair) => sum + of(pair), 0) / n;
  const [meanOne, meanOther] = [mean(({ one }) => one), mean(({ other }) => other)];
  const covariance = mean(({ one, other }) => (one - meanOne) * (other - meanOther));
  const spread = Math.sqrt(mean(({ one }) => (one - meanOne) ** 2) * mean(({ other }) => (other - meanOther) ** 2));
  return {
    n,
    bias: meanOther - meanOne,
    rmsDifference: Math.sqrt(mean(({ one, other }) => (other - one) ** 2)),
    ...(n < 3 || spread === 0 ? {} : { pcc: covariance / spread }),
  };
}
