/** An expected failure: its message is all that the person at the terminal needs. */
export class TrainingError extends Error {
  /** Kind of error, for programs. */
  readonly code: TrainingErrorCode;

  constructor(code: TrainingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TrainingError';
    this.code = code;
  }
}

export const trainingErrorCodes = [
  /** A configuration, recipe, manifest or description is not valid. */
  'invalid-input',
  /** A run folder belongs to another verb or configuration. */
  'run-mismatch',
  /** A program or package is not there. */
  'missing-tool',
  /** An audio file cannot be decoded, or a codec command failed. */
  'audio',
  /** A step of a whole run failed. */
  'step',
  /** Redis cannot be reached, or a task that was done elsewhere failed. */
  'queue',
  /** Training left the finite numbers. */
  'diverged',
  /** The outputs of an exported network differ from those of the trained one. */
  'parity',
] as const;

export type TrainingErrorCode = (typeof trainingErrorCodes)[number];
