import { CliError, exitCodes } from './errors.ts';

/**
 * Loads what needs a package that is not installed with this one.
 *
 * @param name - of the package
 * @param purpose - what needs it, as 'listen'
 * @throws {CliError} which names the package when it is not installed
 */
export async function withOptionalPackage<T>(name: string, purpose: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (!isMissing(name, cause)) throw cause;
    throw new CliError(`${purpose} needs ${name}, which is not installed: npm install ${name}`, exitCodes.failed, {
      cause,
    });
  }
}

/** Whether an error of an import is that this package is not installed. */
export function isMissing(name: string, error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${name}'`);
}
