/** How the command line ends. */
export const exitCodes = {
  ok: 0,
  /** It could not be done. */
  failed: 1,
  /** Wrong arguments. */
  usage: 2,
  /** Done, but for some of the files (`score`) or with something to mend (`doctor`, `models verify`). */
  partly: 3,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

/** An expected failure: its message has all that the person at the terminal needs. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code = 'ERR_CLI';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
