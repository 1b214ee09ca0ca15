import { exitCodes } from './errors.ts';

/**
 * Ends the process when standard output cannot be written: without a word where its reader is gone, as in `listen | head`,
 * with the reason otherwise.
 */
export function endWithStandardOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.ok);
    console.error(`mediasoup-mos: standard output: ${error.message}`);
    process.exit(exitCodes.failed);
  });
}
