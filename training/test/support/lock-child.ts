// Tries to take every lock named on standard input, all at the moment given, and answers with those that it got.
import { lock } from '../../src/run/lock.ts';

process.once('message', ({ paths, atMs }: { paths: string[]; atMs: number }) => {
  while (Date.now() < atMs);
  const taken = paths.filter((path) => {
    try {
      lock(path);
      return true;
    } catch {
      return false;
    }
  });
  process.send?.(taken);
});
