import type { WriteStream } from 'node:tty';

const csi = '\x1b[';

/** A terminal's second screen, as editors use it: what stood there before comes back at the end. */
export class Screen {
  readonly #terminal: WriteStream;

  constructor(terminal: WriteStream) {
    this.#terminal = terminal;
    terminal.write(`${csi}?1049h${csi}?25l`);
  }

  /** Shows this text from the top; lines that do not fit are left out. */
  draw(text: string): void {
    const { rows } = this.#terminal;
    const lines = text.split('\n').slice(0, Math.max(1, rows - 1));
    this.#terminal.write(`${csi}H${lines.map((line) => `${line}${csi}K`).join('\n')}\n${csi}J`);
  }

  close(): void {
    this.#terminal.write(`${csi}?25h${csi}?1049l`);
  }
}
