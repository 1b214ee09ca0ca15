/** Listeners by event name, without Node.js. A listener that throws keeps neither the others nor the emitter from going on. */
export class Emitter<Listeners extends { [Name in keyof Listeners]: (argument: never) => void }> {
  readonly #listeners = new Map<keyof Listeners, Set<(argument: never) => void>>();

  on<Name extends keyof Listeners>(name: Name, listener: Listeners[Name]): this {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return this;
  }

  off<Name extends keyof Listeners>(name: Name, listener: Listeners[Name]): this {
    this.#listeners.get(name)?.delete(listener);
    return this;
  }

  protected emit<Name extends keyof Listeners>(name: Name, argument: Parameters<Listeners[Name]>[0]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) callSafely(listener, argument);
  }
}

/** Calls a listener of the application; what it throws is reported as uncaught, a turn later. */
export function callSafely(listener: ((argument: never) => void) | undefined, argument: unknown): void {
  try {
    listener?.(argument as never);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
