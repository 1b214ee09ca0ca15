import { resolveScorerOptions } from '../src/host/scorer-options.ts';
import { InvalidArgumentError, Option } from './packages/commander.ts';

export const modelOption = () =>
  new Option('-m, --model <name>', 'shipped model, or path of a manifest (.json)').default(
    resolveScorerOptions({}).model,
  );

/** A whole number from `min` to `max`, as a parser of commander. */
export const whole = (min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (!Number.isInteger(value) || text.trim() === '' || value < min || value > max) {
    throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}.`);
  }
  return value;
};

/** A channel, or all of them: counted from 1 by the user, from 0 here. */
export const channels = (text: string) => (text === 'all' ? text : whole(1, 64)(text) - 1);

/** Collects an option that may be given several times. */
export const collect = (value: string, previous: readonly string[] = []) => [...previous, value];
