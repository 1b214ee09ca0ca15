import type { MosStatusEvent } from '../../../plugin/index.ts';
import type { Participant } from './protocol.ts';
import { intervalText, jitterText, lossText, modelText, mosText, qualityState, reasonText } from './wording.ts';

const headings = ['Participant', 'MOS', 'Interval', 'State', 'Reason', 'Loss', 'Jitter', 'Model'] as const;
/** Numbers end at the same column, words begin at one. */
const rightAligned = new Set<number>([1, 5, 6]);

/** One line per participant, under a line of headings; one line that says so when there is nobody. */
export function participantTable(
  participants: readonly Participant[],
  statusOf: (participantId: string) => MosStatusEvent | undefined,
): string[] {
  if (participants.length === 0) return ['nobody is here yet'];
  const rows = participants.map(({ participantId, name, sending }) => [
    name,
    ...cells(sending ? statusOf(participantId) : undefined, sending),
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

function cells(event: MosStatusEvent | undefined, sending: boolean): string[] {
  if (event === undefined)
    return ['-', '-', 'unknown', sending ? 'nothing heard yet' : 'sends no audio', '-', '-', '-'];
  const network = [lossText(event), jitterText(event), modelText(event)];
  if (event.type === 'noscore') return ['-', '-', 'unknown', reasonText[event.reason], ...network];
  return [mosText(event), intervalText(event), qualityState(event.mosLqo), '', ...network];
}
