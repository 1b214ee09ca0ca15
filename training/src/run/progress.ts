import { SingleBar } from 'cli-progress';

/** Progress of a step, with an estimate of the time left. */
export interface Progress {
  start(total: number, done?: number): void;
  /** `note`: a few words after the bar, such as the current loss. */
  advance(count?: number, note?: string): void;
  stop(): void;
}

/** A bar with the time left on a terminal; elsewhere one line at the start and the end and every tenth in between. */
export function terminalProgress(label: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY ? barProgress(label, stream) : lineProgress(label, stream);
}

export const silentProgress: Progress = { start() {}, advance() {}, stop() {} };

function barProgress(label: string, stream: NodeJS.WriteStream): Progress {
  const bar = new SingleBar({
    stream,
    format: `${label} {bar} {value}/{total} | {duration_formatted} gone, {eta_formatted} left {note}`,
    hideCursor: true,
    etaBuffer: 100,
  });
  return {
    start: (total, done = 0) => bar.start(total, done, { note: '' }),
    advance: (count = 1, note = '') => bar.increment(count, { note }),
    stop: () => bar.stop(),
  };
}

function lineProgress(label: string, stream: NodeJS.WritableStream): Progress {
  let total = 0;
  let done = 0;
  let first = 0;
  let startMs = 0;
  let shown = 0;
  return {
    start(newTotal, newDone = 0) {
      [total, done, first, shown, startMs] = [
        newTotal,
        newDone,
        newDone,
        Math.floor((10 * newDone) / newTotal),
        Date.now(),
      ];
      stream.write(`${label}: ${total - done} of ${total} to do\n`);
    },
    advance(count = 1, note = '') {
      done += count;
      const tenth = Math.floor((10 * done) / total);
      if (tenth === shown) return;
      shown = tenth;
      const secondsLeft = ((Date.now() - startMs) / 1000 / (done - first)) * (total - done);
      stream.write(`${label}: ${done}/${total}, ${Math.ceil(secondsLeft)} s left ${note}\n`);
    },
    stop() {},
  };
}
