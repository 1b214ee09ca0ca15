import type { MosEvent } from '../../plugin/feeds/events.ts';
import { printable } from './live-table.ts';

const mos = (value: number | undefined) => value?.toFixed(2) ?? 'none';

/** An event in a line, for people. */
export function eventLine(event: MosEvent): string {
  const who = printable(event.participantId ?? event.producerId);
  return `${new Date(event.time).toISOString()} ${who} ${wordsOf(event)}`;
}

function wordsOf(event: MosEvent): string {
  switch (event.type) {
    case 'score':
      return `score ${mos(event.mosLqo)} (${mos(event.interval.lower)} to ${mos(event.interval.upper)})`;
    case 'noscore':
      return `no score: ${event.reason}`;
    case 'state':
      return `state ${event.previous} -> ${event.state}`;
    case 'warning':
      return `warning ${event.name}: ${event.quantity} ${event.value.toFixed(2)}, limit ${event.threshold}`;
    case 'warningcleared':
      return `warning ${event.name} cleared: ${event.reason}`;
    case 'report':
      return `report: ${mos(event.mosLqo)} over ${event.scores} scores`;
    case 'producerclose':
      return 'gone';
  }
}
