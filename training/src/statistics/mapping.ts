/** Coefficients of a polynomial, constant first. */
export type Polynomial = readonly number[];

export function evaluatePolynomial(polynomial: Polynomial, x: number): number {
  return polynomial.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}

/**
 * Least-squares polynomial of first or third order from scores to ratings that does not fall anywhere within the scores'
 * range, as ITU-T P.1401 (clause 7.3) maps the scale of a model to that of an experiment.
 */
export function monotonicFit(scores: readonly number[], ratings: readonly number[], order: 1 | 3): Polynomial {
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const middle = (low + high) / 2;
  const half = (high - low) / 2 || 1;
  // Fitted over -1 to 1, where powers do not lose digits.
  const x = scores.map((score) => (score - middle) / half);
  const fit = order === 1 ? fitRising(x, ratings, [[0, 1]]) : fitCubic(x, ratings);
  return inScores(fit.polynomial, middle, half);
}

interface Fit {
  polynomial: number[];
  error: number;
}

/**
 * A quadratic is nowhere negative from -1 to 1 if and only if it is a (x cos t - sin t)^2 + b (1 - x^2) with a, b >= 0 and
 * some angle t (theorem of Markov and Lukacs). So is the slope of a cubic that does not fall: the best angle is looked for.
 */
function fitCubic(x: readonly number[], y: readonly number[]): Fit {
  const at = (angle: number) => {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return fitRising(x, y, [
      [0, s * s, -c * s, (c * c) / 3],
      [0, 1, 0, -1 / 3],
    ]);
  };
  const angles = 90;
  let width = Math.PI / angles;
  let best = 0;
  for (let n = 1; n < angles; n++) if (at(n * width).error < at(best).error) best = n * width;
  while (width > 1e-7) {
    width /= 2;
    for (const angle of [best - width, best + width]) if (at(angle).error < at(best).error) best = angle;
  }
  return at(best);
}

/** The best sum of a constant and of rising polynomials, none of them with a factor below 0. */
function fitRising(x: readonly number[], y: readonly number[], bases: readonly Polynomial[]): Fit {
  const masks = Array.from({ length: 2 ** bases.length }, (_, mask) => mask);
  const subsets = masks.map((mask) => bases.filter((_, index) => mask & (1 << index)));
  const fits = subsets.map((subset): Fit => {
    const columns = subset.map((basis) => x.map((value) => evaluatePolynomial(basis, value)));
    const [constant, ...factors] = regression(columns, y);
    if (factors.some((factor) => !(factor >= 0))) return { polynomial: [], error: Number.POSITIVE_INFINITY };
    const polynomial = new Array<number>(Math.max(2, ...bases.map(({ length }) => length))).fill(0);
    polynomial[0] = constant as number;
    subset.forEach((basis, index) => {
      for (const [power, value] of basis.entries())
        polynomial[power] = (polynomial[power] as number) + (factors[index] as number) * value;
    });
    const error = x.reduce((sum, value, n) => sum + (evaluatePolynomial(polynomial, value) - (y[n] as number)) ** 2, 0);
    return { polynomial, error };
  });
  return fits.reduce((best, fit) => (fit.error < best.error ? fit : best));
}

/** Least squares of a constant and at most two columns: the constant, then the factors; NaN where columns depend on each other. */
function regression(columns: readonly (readonly number[])[], y: readonly number[]): number[] {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const centre = (values: readonly number[]) => values.map((value) => value - mean(values));
  const dot = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, n) => sum + value * (b[n] as number), 0);
  const [first, second] = columns.map(centre);
  const target = centre(y);
  let factors: number[] = [];
  if (first && second) {
    const [aa, ab, bb] = [dot(first, first), dot(first, second), dot(second, second)];
    const [ay, by] = [dot(first, target), dot(second, target)];
    const determinant = aa * bb - ab * ab;
    factors =
      determinant > 1e-12 * aa * bb
        ? [(bb * ay - ab * by) / determinant, (aa * by - ab * ay) / determinant]
        : [Number.NaN];
  } else if (first) {
    factors = [dot(first, target) / dot(first, first)];
  }
  const constant =
    mean(y) - factors.reduce((sum, factor, n) => sum + factor * mean(columns[n] as readonly number[]), 0);
  return [constant, ...factors];
}

/** The polynomial p((x - middle) / half) written in x. */
function inScores(polynomial: Polynomial, middle: number, half: number): number[] {
  let result: number[] = [];
  for (const coefficient of [...polynomial].reverse()) {
    const next = new Array<number>(result.length + 1).fill(0);
    result.forEach((value, power) => {
      next[power] = (next[power] as number) - (value * middle) / half;
      next[power + 1] = (next[power + 1] as number) + value / half;
    });
    next[0] = (next[0] as number) + coefficient;
    result = next;
  }
  return result;
}
