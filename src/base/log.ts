import createDebug from 'debug';

/**
 * Takes what is logged: a pino logger, or whatever has its methods. `fields` hold `area` (which part of this package
 * speaks) and what belongs to the message; `args` fill printf-like places of `message`, as pino does. Ids of streams and
 * producers may be in there, names of participants never are.
 */
export interface Logger {
  debug(fields: object, message: string, ...args: unknown[]): void;
  warn(fields: object, message: string, ...args: unknown[]): void;
  error(fields: object, message: string, ...args: unknown[]): void;
}

type Write = {
  (message: string, ...args: unknown[]): void;
  (fields: object, message: string, ...args: unknown[]): void;
};

/** Logs at the level `debug` when called; what an operator should look at has methods of its own. */
export type AreaLogger = Write & { readonly warn: Write; readonly error: Write };

let target: Logger | undefined;

/**
 * Hands every message of this package to a logger of the application, of this process. Until then, and after
 * `setLogger(undefined)`, messages are shown on standard error where the environment asks for them: `DEBUG=mediasoup-mos*`.
 *
 * @example setLogger(pino({ level: 'debug' }));
 * @throws {TypeError} when a method is missing
 */
export function setLogger(logger: Logger | undefined): void {
  for (const level of ['debug', 'warn', 'error'] as const) {
    if (logger !== undefined && typeof logger?.[level] !== 'function') {
      throw new TypeError(`logger.${level} must be a function, got ${typeof logger?.[level]}`);
    }
  }
  target = logger;
}

/** A logger under `mediasoup-mos:`. */
export function logger(area: string): AreaLogger {
  const show = createDebug(`mediasoup-mos:${area}`);
  const write =
    (level: keyof Logger) =>
    (first: string | object, ...rest: unknown[]) => {
      const [fields, message, ...args] = (typeof first === 'string' ? [{}, first, ...rest] : [first, ...rest]) as [
        object,
        string,
        ...unknown[],
      ];
      if (target !== undefined) target[level]({ area, ...fields }, message, ...args);
      else if (first === message) show(message, ...args);
      else show(`${message} %o`, ...args, fields);
    };
  return Object.assign(write('debug'), { warn: write('warn'), error: write('error') });
}
