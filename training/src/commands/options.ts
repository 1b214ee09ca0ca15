import { availableParallelism } from 'node:os';
import { InvalidArgumentError, Option } from 'commander';

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

/** Collects an option that may be given several times. */
export const collect = (value: string, previous: string[]) => [...previous, value];
