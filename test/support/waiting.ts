/** What has events: of Node or of a socket.io client. */
interface Emits {
  on(name: string, listener: (argument: never) => void): unknown;
  off(name: string, listener: (argument: never) => void): unknown;
}

/** Resolves with the first event of this name whose first argument fits; rejects, saying what was awaited, after `timeoutMs`. */
export function nextEvent<T>(
  emitter: Emits,
  name: string,
  { fits = () => true, timeoutMs = 15_000 }: { fits?: (argument: T) => boolean; timeoutMs?: number } = {},
): Promise<T> {
  const waiter = new Error(`no fitting '${name}' within ${timeoutMs} ms`); // made here for its stack
  return new Promise((resolve, reject) => {
    const onEvent = (argument: T) => {
      if (!fits(argument)) return;
      end();
      resolve(argument);
    };
    const timer = setTimeout(() => {
      end();
      reject(waiter);
    }, timeoutMs);
    const end = () => {
      clearTimeout(timer);
      emitter.off(name, onEvent);
    };
    emitter.on(name, onEvent);
  });
}

/** Resolves once the condition holds; rejects after `timeoutMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
