import type { Writable } from 'node:stream';
import type { MosEvent } from '../../plugin/feeds/events.ts';

/** What may wait for a reader that is slow, bytes; then events are left out. */
const maxWaitingBytes = 2 ** 20;

/**
 * Writes events as JSON, one a line. Where they cannot be written (the reader is gone or too slow, the disk is full), they are
 * left out and counted, and `report` is called: once, and again after writing has worked meanwhile. Never throws.
 */
export class EventLines {
  readonly #output: Writable;
  readonly #report: (message: string) => void;
  #lost = 0;
  #isFailing = false;
  /** Part of a line may have been written. */
  #isTorn = false;

  constructor(output: Writable, report: (message: string) => void) {
    this.#output = output;
    this.#report = report;
    output.on('error', () => {}); // every write has it too
  }

  /** Events that were left out. */
  get lost(): number {
    return this.#lost;
  }

  readonly write = (event: MosEvent): void => {
    if (this.#output.destroyed || this.#output.writableEnded) {
      this.#fail('closed');
    } else if (this.#output.writableLength > maxWaitingBytes) {
      this.#fail('its reader is too slow');
    } else {
      const line = `${this.#isTorn ? '\n' : ''}${JSON.stringify(event)}\n`;
      this.#output.write(line, (error) => {
        if (error) this.#fail((error as NodeJS.ErrnoException).code === 'EPIPE' ? 'its reader is gone' : error.message);
        else this.#isFailing = false;
        this.#isTorn = Boolean(error);
      });
    }
  };

  #fail(reason: string): void {
    this.#lost += 1;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#report(`events are not written to standard output any more: ${reason}; everything else goes on`);
  }
}
