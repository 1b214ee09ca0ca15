import type { WriteStream } from 'node:tty';

const redrawMs = 250;
const plainMs = 5000;

const moveUp = (lines: number): string => (lines === 0 ? '' : `\x1b[${lines}A`);
const eraseBelow = '\x1b[0J';

/** Shows lines that change: redrawn in place on a terminal, printed every 5 s anywhere else. */
export class LiveLines {
  readonly #output: WriteStream | NodeJS.WriteStream;
  readonly #render: () => string[];
  readonly #timer: NodeJS.Timeout;
  #shown: string[] = [];

  constructor(output: NodeJS.WriteStream, render: () => string[]) {
    this.#output = output;
    this.#render = render;
    this.#timer = setInterval(() => this.#update(), output.isTTY ? redrawMs : plainMs);
    this.#update();
  }

  /** Prints a line that stays, above the live ones. */
  print(line: string): void {
    if (!this.#output.isTTY) {
      this.#output.write(`${line}\n`);
      return;
    }
    this.#output.write(`${this.#eraseShown()}${line}\n`);
    this.#shown = [];
    this.#update();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #update(): void {
    const lines = this.#render();
    if (!this.#output.isTTY) {
      this.#output.write(`${lines.join('\n')}\n\n`);
      return;
    }
    const { columns, rows } = this.#output;
    // A line that wraps, or lines that scroll away, could not be found again: they are cut.
    const fitting = lines.slice(0, Math.max(1, rows - 1)).map((line) => line.slice(0, columns));
    if (fitting.join('\n') === this.#shown.join('\n')) return;
    this.#output.write(`${this.#eraseShown()}${fitting.join('\n')}\n`);
    this.#shown = fitting;
  }

  /** In a window that was made narrower since, what was shown takes more lines than it had. */
  #eraseShown(): string {
    const { columns } = this.#output;
    const height = this.#shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / columns)), 0);
    return `${moveUp(height)}${eraseBelow}`;
  }
}
