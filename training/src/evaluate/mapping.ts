/** Coefficients of a polynomial, constant first. */
export type Polynomial = readonly number[];

export function evaluatePolynomial(polynomial: Polynomial, x: number): number {
  return polynomial.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}

/**
 * Least-squares polynomial from scores to ratings that does not fall anywhere within the scores' range, as ITU-T P.1401
 * (clause 7.3) maps the scale of a model to that of an experiment. Where the free solution falls, its slope is held at 0.
 */
export function monotonicFit(scores: readonly number[], ratings: readonly number[], order: number): Polynomial {
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const middle = (low + high) / 2;
  const half = (high - low) / 2 || 1;
  // Fitted over -1 to 1, where powers do not lose digits.
  const x = scores.map((score) => (score - middle) / half);
  const held = new Set<number>();
  let fitted = leastSquares(x, ratings, order, []);
  for (let round = 0; round < grid.length; round++) {
    const falling = grid.filter((at) => slope(fitted, at) < -1e-9 && !held.has(at));
    if (falling.length === 0) break;
    const steepest = falling.reduce((worst, at) => (slope(fitted, at) < slope(fitted, worst) ? at : worst));
    held.add(steepest);
    fitted = leastSquares(x, ratings, order, [...held]);
  }
  return shifted(fitted, middle, half);
}

/** Where the slope is looked at. */
const grid = Array.from({ length: 41 }, (_, n) => -1 + n / 20);
/** How much a held slope counts against the errors. */
const heldWeight = 1e6;

function slope(polynomial: Polynomial, x: number): number {
  return evaluatePolynomial(
    polynomial.slice(1).map((coefficient, power) => (power + 1) * coefficient),
    x,
  );
}

function leastSquares(x: readonly number[], y: readonly number[], order: number, flatAt: readonly number[]): number[] {
  const size = order + 1;
  const matrix = Array.from({ length: size }, () => new Array<number>(size + 1).fill(0));
  const add = (row: readonly number[], value: number, weight: number) => {
    for (let i = 0; i < size; i++) {
      const equation = matrix[i] as number[];
      for (let j = 0; j < size; j++)
        equation[j] = (equation[j] as number) + weight * (row[i] as number) * (row[j] as number);
      equation[size] = (equation[size] as number) + weight * (row[i] as number) * value;
    }
  };
  const powers = (at: number) => Array.from({ length: size }, (_, power) => at ** power);
  for (const [index, at] of x.entries()) add(powers(at), y[index] as number, 1);
  for (const at of flatAt) {
    const derivative = Array.from({ length: size }, (_, power) => (power === 0 ? 0 : power * at ** (power - 1)));
    add(derivative, 0, heldWeight * x.length);
  }
  return solve(matrix);
}

/** Gaussian elimination with pivots; `matrix` [n][n + 1] is overwritten. A free unknown (too few points) becomes 0. */
function solve(matrix: number[][]): number[] {
  const size = matrix.length;
  const cell = (row: number, column: number) => (matrix[row] as number[])[column] as number;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column + 1; row < size; row++)
      if (Math.abs(cell(row, column)) > Math.abs(cell(pivot, column))) pivot = row;
    [matrix[column], matrix[pivot]] = [matrix[pivot] as number[], matrix[column] as number[]];
    if (Math.abs(cell(column, column)) < 1e-12) continue;
    for (let row = 0; row < size; row++) {
      if (row === column) continue;
      const factor = cell(row, column) / cell(column, column);
      for (let at = column; at <= size; at++) (matrix[row] as number[])[at] = cell(row, at) - factor * cell(column, at);
    }
  }
  return matrix.map((_, row) => (Math.abs(cell(row, row)) < 1e-12 ? 0 : cell(row, size) / cell(row, row)));
}

/** The polynomial p((x - middle) / half) written in x. */
function shifted(polynomial: Polynomial, middle: number, half: number): number[] {
  let result = [0];
  for (const coefficient of [...polynomial].reverse()) {
    const next = new Array<number>(result.length + 1).fill(0);
    result.forEach((value, power) => {
      next[power] = (next[power] as number) - (value * middle) / half;
      next[power + 1] = (next[power + 1] as number) + value / half;
    });
    next[0] = (next[0] as number) + coefficient;
    result = next;
  }
  return result.slice(0, polynomial.length);
}
