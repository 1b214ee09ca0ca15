/** Added to a variance before the root is taken, in batch normalisation. */
export const normalisationEpsilon = 1e-3;

/** Added to the pooled variance before the root is taken. */
export const deviationEpsilon = 1e-4;

/** The log variance is squeezed between these, smoothly. */
export const logVarianceRange = { low: -6, high: 2 } as const;

/** Limits of the scale: scores are clipped to them when a student is used. */
export const mosRange = { low: 1, high: 5 } as const;
