import { Bots, demonstrationBots } from './bots.ts';
import { Conference, ConferenceError } from './conference.ts';
import { ArgumentError, parseArguments, usage } from './options.ts';
import type { Participant } from './protocol.ts';
import { participantTable } from './table.ts';
import { LiveLines } from './terminal.ts';

const wrongUsage = 2;
const forcedBySignal = 130;

async function main(): Promise<void> {
  const options = parseArguments(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(usage);
    return;
  }

  const stop = stopRequest();
  let participants: readonly Participant[] = [];
  const { bots: withBots, ...conferenceOptions } = options;
  const conference = await Conference.create({
    ...conferenceOptions,
    onParticipants: (all) => {
      participants = all;
    },
  });
  conference.onWorkerDied((error) =>
    stop.fail(new ConferenceError(`the mediasoup worker died: ${error.message}`, { cause: error })),
  );
  process.stdout.write(`Join at ${conference.url} (Ctrl-C ends)\n\n`);

  const lines = new LiveLines(process.stdout, () => {
    const known = new Map(conference.observer.snapshot.map((producer) => [producer.participantId, producer]));
    return participantTable(participants, (participantId) => known.get(participantId));
  });
  conference.observer.on('producererror', ({ origin, error }) =>
    lines.print(`producer ${origin.producerId} cannot be scored: ${error.message}`),
  );
  conference.observer.on('scorerrestart', ({ downMs }) =>
    lines.print(`a scorer was restarted after ${downMs.toFixed(0)} ms`),
  );

  const bots = withBots ? new Bots({ onExit: (reason) => stop.fail(new ConferenceError(reason)) }) : undefined;
  try {
    // One after the other, so that they stand in the table in the order of the list.
    for (const bot of bots && !stop.requested ? demonstrationBots : []) {
      await Promise.race([bots?.join(conference.url, bot), stop.wanted]);
      if (stop.requested) break;
    }
    await stop.wanted;
  } finally {
    lines.close();
    await bots?.close();
    await conference.close();
  }
}

/** Ctrl-C (or SIGTERM) once asks for the end, a second time forces it. */
function stopRequest() {
  let resolve = () => {};
  let fail = (_error: Error) => {};
  const stop = {
    requested: false,
    fail: (error: Error) => fail(error),
    wanted: new Promise<void>((done, reject) => {
      resolve = done;
      fail = reject;
    }),
  };
  // A failure that comes when nobody waits any more is no longer one.
  stop.wanted.catch(() => {});
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.requested) process.exit(forcedBySignal);
      stop.requested = true;
      resolve();
    });
  }
  return stop;
}

main().catch((error: unknown) => {
  if (error instanceof ArgumentError) {
    console.error(`${error.message}\n\n${usage}`);
    process.exitCode = wrongUsage;
  } else if (error instanceof ConferenceError) {
    console.error(error.message);
    process.exitCode = 1;
  } else {
    console.error(error);
    process.exitCode = 1;
  }
});
