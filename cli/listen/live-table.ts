import type { MosEvent, ProducerSnapshot } from '../../plugin/feeds/events.ts';
import { Table } from '../packages/table.ts';
import { sparkline } from '../score/sparkline.ts';

/** Events that the curve of a producer shows. */
const curveLength = 30;

/** Events of producers, as a table. */
export class LiveTable {
  /** The newest scores of each producer; undefined = there was none. */
  readonly #curves = new Map<string, (number | undefined)[]>();

  take(event: MosEvent): void {
    if (event.type === 'producerclose') this.#curves.delete(event.producerId);
    if (event.type !== 'score' && event.type !== 'noscore') return;
    const curve = this.#curves.get(event.producerId) ?? [];
    curve.push(event.type === 'score' ? event.mosLqo : undefined);
    this.#curves.set(event.producerId, curve.slice(-curveLength));
  }

  /** The producers that sound worst first. */
  render(producers: Iterable<ProducerSnapshot>): string {
    const table = new Table({
      head: ['who', 'state', 'MOS', 'interval', 'no score', 'loss', 'warnings', 'recently'],
      colAligns: ['left', 'left', 'right', 'left', 'left', 'right', 'left', 'left'],
      style: { head: [], border: [], compact: true },
    });
    const mosOf = ({ status }: ProducerSnapshot) => (status?.type === 'score' ? status.mosLqo : 6);
    for (const producer of [...producers].sort((a, b) => mosOf(a) - mosOf(b))) table.push(this.#row(producer));
    return table.length === 0 ? 'no producers' : table.toString();
  }

  #row({ producerId, participantId, state, status, warnings }: ProducerSnapshot): string[] {
    const scored = status?.type === 'score' ? status : undefined;
    const curve = (this.#curves.get(producerId) ?? []).map((mosLqo, second) =>
      mosLqo === undefined ? { second } : { second, mosLqo },
    );
    return [
      printable(participantId ?? producerId),
      state,
      scored?.mosLqo.toFixed(2) ?? '',
      scored === undefined ? '' : `${scored.interval.lower.toFixed(1)} to ${scored.interval.upper.toFixed(1)}`,
      status?.type === 'noscore' ? status.reason : '',
      status === undefined ? '' : `${(100 * status.network.lossRatio).toFixed(1)} %`,
      warnings.map(({ name }) => name).join(', '),
      sparkline(curve, curveLength),
    ];
  }
}

/** A name from elsewhere must not steer the terminal. */
export const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, '?');
