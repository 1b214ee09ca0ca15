/** What became of one fault. */
export interface Finding {
  readonly fault: string;
  /** What is to hold, whatever happens. */
  readonly promise: string;
  /** What was measured. */
  readonly seen: string;
  /** What was lost on the way: it may be. */
  readonly lost: string;
  readonly kept: boolean;
}

/** How thorough a run is. */
export interface Extent {
  /** A short run, for continuous integration. */
  readonly short: boolean;
}

/** Makes one fault, and returns what became of it. */
export type Scenario = (extent: Extent) => Promise<Finding[]>;

/** The findings as a table of Markdown. */
export function table(findings: readonly Finding[]): string {
  const rows = findings.map(({ fault, promise, seen, lost, kept }) => [
    fault,
    promise,
    seen,
    lost,
    kept ? 'yes' : 'NO',
  ]);
  const lines = [['fault', 'promise', 'seen', 'lost', 'kept'], ['---', '---', '---', '---', '---'], ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
