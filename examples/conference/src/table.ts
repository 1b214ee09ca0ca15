import {
  intervalText,
  jitterText,
  lossText,
  modelText,
  mosText,
  reasonText,
} from '../../../plugin/dashboard/wording.ts';
import type { ProducerSnapshot } from '../../../plugin/index.ts';
import type { Participant } from './protocol.ts';

const headings = ['Participant', 'MOS', 'Interval', 'State', 'Reason', 'Loss', 'Jitter', 'Model'] as const;
/** Numbers end at the same column, words begin at one. */
const rightAligned = new Set<number>([1, 5, 6]);

/** One line per participant, under a line of headings; one line that says so when there is nobody. */
export function participantTable(
  participants: readonly Participant[],
  knownOf: (participantId: string) => ProducerSnapshot | undefined,
): string[] {
  if (participants.length === 0) return ['nobody is here yet'];
  const rows = participants.map(({ participantId, name, sending }) => [
    name,
    ...cells(sending ? knownOf(participantId) : undefined, sending),
  ]);
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [headings, ...rows].map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return rightAligned.has(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

function cells(known: ProducerSnapshot | undefined, sending: boolean): string[] {
  const status = known?.status;
  if (known === undefined || status === undefined) {
    return ['-', '-', 'unknown', sending ? 'nothing heard yet' : 'sends no audio', '-', '-', '-'];
  }
  const network = [lossText(status), jitterText(status), modelText(status)];
  if (status.type === 'noscore') return ['-', '-', known.state, reasonText[status.reason], ...network];
  return [mosText(status), intervalText(status), known.state, '', ...network];
}
