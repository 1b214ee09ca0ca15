/** Run by `resources.ts` with few descriptors: the scorer process dies while there are none. */
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Scorer } from '../../plugin/index.ts';

function useUp(): number[] {
  const held: number[] = [];
  try {
    for (;;) held.push(openSync('/dev/null', 'r'));
  } catch {
    return held;
  }
}

async function killed(scorer: Scorer): Promise<void> {
  const pid = (await scorer.getStats()).processes[0]?.pid as number;
  const died = once(scorer, 'processdied');
  process.kill(pid, 'SIGKILL');
  await died;
}

// Once with descriptors: what is loaded only when it is needed must be there before.
const scorer = await Scorer.create({ sockets: 1, restartBackoffMs: { initial: 50, max: 200 } });
let failed = '';
scorer.on('processfailed', ({ error, failures }) => {
  failed = `processfailed after ${failures} starts (${error?.message})`;
});
await killed(scorer);
await once(scorer, 'processrestarted');
const first = useUp();
await killed(scorer);
first.push(...useUp());
await sleep(2000);
for (const descriptor of first) closeSync(descriptor);
const freedMs = performance.now();
await once(scorer, 'processrestarted');
console.log(failed || 'no start failed');
console.log(`back ${((performance.now() - freedMs) / 1000).toFixed(1)} s after there were descriptors`);
const second = useUp();
await killed(scorer);
second.push(...useUp());
await sleep(500);
const late = setTimeout(() => {
  console.log('does not close');
  process.exit(1);
}, 10_000);
await scorer.close();
clearTimeout(late);
for (const descriptor of second) closeSync(descriptor);
console.log('closed');
