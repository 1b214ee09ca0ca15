import { XlsRSqa } from '../xls-r/xls-r-sqa.ts';
import type { TeacherDescription } from './description.ts';
import type { TeacherNetwork } from './network.ts';

/** XLS-R with a speech quality head, on TensorFlow.js. */
export class XlsRSqaNetwork implements TeacherNetwork {
  readonly #network: XlsRSqa;

  constructor({ path, xlsR }: TeacherDescription) {
    if (!xlsR) throw new RangeError('description: expected xlsR');
    this.#network = XlsRSqa.load({ ...xlsR, head: path });
  }

  async value(window: Float32Array): Promise<number> {
    return this.#network.score(window);
  }

  async close(): Promise<void> {
    this.#network.close();
  }
}
