import { tf } from '../tensorflow.ts';

/** One line of a curve: where it is, and values by name. */
export type CurveRow = Readonly<Record<string, number>>;

/** Event files for TensorBoard. A run that is resumed adds a file; what it does again has the same values. */
export class TensorBoard {
  readonly #writer: ReturnType<typeof tf.node.summaryFileWriter>;

  constructor(folder: string) {
    this.#writer = tf.node.summaryFileWriter(folder);
  }

  write(group: string, { step, ...values }: CurveRow): void {
    for (const [name, value] of Object.entries(values)) this.#writer.scalar(`${group}/${name}`, value, step as number);
  }

  flush(): void {
    this.#writer.flush();
  }
}
