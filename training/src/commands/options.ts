import { availableParallelism } from 'node:os';
import { InvalidArgumentError, Option } from 'commander';
import { causes } from '../../../src/event-words.ts';
import type { CauseShifts } from '../export/cause-shifts.ts';

/** The one seed that all randomness of a run derives from. */
export const seedOption = () =>
  new Option('--seed <number>', 'whole number that all random choices derive from').argParser(wholeNumber).default(1);

export const outOption = () =>
  new Option('--out <folder>', 'run folder; one that exists is continued').makeOptionMandatory();

export const workersOption = () =>
  new Option('--workers <count>', 'files or clips worked on at once')
    .argParser(positive)
    .default(availableParallelism(), 'one per processor');

export const threadsOption = () =>
  new Option('--threads <count>', 'threads of each worker').argParser(positive).default(1);

export const queueOption = () =>
  new Option('--queue <url>', 'Redis that hands out shards to "worker" processes, redis://host:6379');

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || text.trim() === '') throw new InvalidArgumentError('must be a whole number.');
  return value;
}

export function positive(text: string): number {
  const value = wholeNumber(text);
  if (value < 1) throw new InvalidArgumentError('must be at least 1.');
  return value;
}

export function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value < 1) || text.trim() === '')
    throw new InvalidArgumentError('must be at least 0 and below 1.');
  return value;
}

/** A cause and what is added to its log-odds, as 'clipping=1.5', to those before it. */
export function causeShift(text: string, previous: CauseShifts = {}): CauseShifts {
  const [cause = '', value = ''] = text.split('=');
  const shift = Number(value);
  if (!(causes as readonly string[]).includes(cause) || value.trim() === '' || !(Math.abs(shift) <= 10)) {
    throw new InvalidArgumentError(
      `expected one of ${causes.join(', ')}, '=' and a number from -10 to 10, got '${text}'`,
    );
  }
  return { ...previous, [cause]: shift };
}

/** Collects an option that may be given several times. */
export const collect = (value: string, previous: string[]) => [...previous, value];
