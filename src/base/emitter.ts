import { EventEmitter } from 'node:events';

/** An emitter whose listeners cannot break what emits: what they throw goes to `listenererror`, or becomes a warning. */
export class SafeEmitter<Events extends Record<keyof Events, unknown[]>> extends EventEmitter<
  Events & { listenererror: [eventName: string, error: unknown] }
> {
  constructor() {
    super();
    this.setMaxListeners(Number.POSITIVE_INFINITY); // one shared by thousands of rooms has thousands of listeners
  }

  safeEmit<Name extends keyof Events & string>(name: Name, ...args: Events[Name]): void {
    const emitter = this as EventEmitter;
    try {
      emitter.emit(name, ...args);
    } catch (error) {
      if (emitter.listenerCount('listenererror') > 0) emitter.emit('listenererror', name, error);
      else
        process.emitWarning(
          `a '${name}' listener threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
    }
  }
}
