/** Checks of caller's options: each throws a TypeError or RangeError that names the option and the value. */

const shown = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : String(value));

export function checkKeys(what: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${what} must be an object, got ${shown(value)}`);
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new TypeError(`unknown option '${key}' in ${what}; known: ${known.join(', ')}`);
  }
}

export function checkNumber(name: string, value: unknown, min: number, max: number): void {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new TypeError(`${name} must be a finite number, got ${shown(value)}`);
  }
  if (value < min || value > max) throw new RangeError(`${name} must be ${min} to ${max}, got ${value}`);
}

export function checkInteger(name: string, value: unknown, min: number, max: number): void {
  checkNumber(name, value, min, max);
  if (!Number.isInteger(value)) throw new RangeError(`${name} must be an integer, got ${value}`);
}

export function checkString(name: string, value: unknown, maxLength = Number.POSITIVE_INFINITY): void {
  if (typeof value !== 'string' || value === '')
    throw new TypeError(`${name} must be a non-empty string, got ${shown(value)}`);
  if (value.length > maxLength)
    throw new RangeError(`${name} must have at most ${maxLength} characters, got ${value.length}`);
}

/** Of ids and names that an application gives: of streams, routers, producers and participants; characters. */
export const maxIdLength = 256;

export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false, got ${shown(value)}`);
}
