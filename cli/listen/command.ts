import type { MosClient, MosClientError } from '../../plugin/client/index.ts';
import { mosEventTypes } from '../../plugin/feeds/event-types.ts';
import type { MosEvent } from '../../plugin/feeds/events.ts';
import type { MosSubscription } from '../../plugin/feeds/feed-contract.ts';
import { CliError, exitCodes } from '../errors.ts';
import { aborted, untilInterrupted } from '../interrupt.ts';
import { withOptionalPackage } from '../optional-package.ts';
import { collect } from '../options.ts';
import { Command, Option } from '../packages/commander.ts';
import { rtpRouterId } from '../serve/rtp-source.ts';
import { eventLine } from './event-line.ts';
import { LiveTable } from './live-table.ts';
import { Screen } from './screen.ts';

interface ListenFlags {
  router?: string[];
  producer?: string[];
  participant?: string[];
  token?: string;
  path?: string;
  json?: boolean;
}

const redrawMs = 500;

export function listenCommand(): Command {
  return new Command('listen')
    .description('shows the events of a running server: a live table on a terminal, else a line for each event')
    .argument('<url>', 'of the server, with the namespace unless that is /mos')
    .addOption(new Option('-r, --router <id>', 'everybody of this router (repeatable)').argParser(collect))
    .addOption(new Option('-P, --producer <id>', 'this producer (repeatable)').argParser(collect))
    .addOption(new Option('-i, --participant <id>', 'this participant (repeatable)').argParser(collect))
    .addOption(new Option('-t, --token <token>', 'what the server wants to be shown').env('MEDIASOUP_MOS_TOKEN'))
    .option('--path <path>', "socket.io's path on the server (default: /socket.io/)")
    .option('--json', 'events as JSON, one a line')
    .addHelpText(
      'after',
      `
Without --router, --producer or --participant: router '${rtpRouterId}', which is what "serve" has.

Exit codes: 0 ended by Ctrl-C or SIGTERM, 1 refused or failed, 2 wrong arguments.

Examples:
  mediasoup-mos listen http://127.0.0.1:8090
  mediasoup-mos listen https://calls.example --token "$TOKEN" --router 5e0d...`,
    )
    .action(listen);
}

/** The address with the namespace. */
function namespaceUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:', 'ws:', 'wss:'].includes(url.protocol)) {
    throw new CliError(`${text}: not an http, https, ws or wss address`, exitCodes.usage);
  }
  if (url.pathname === '/') url.pathname = '/mos';
  return url.href;
}

function subscriptionsOf({ router, producer, participant }: ListenFlags): MosSubscription[] {
  const wanted: MosSubscription[] = [
    ...(router ?? []).map((routerId) => ({ routerId })),
    ...(producer ?? []).map((producerId) => ({ producerId })),
    ...(participant ?? []).map((participantId) => ({ participantId })),
  ];
  return wanted.length > 0 ? wanted : [{ routerId: rtpRouterId }];
}

async function connect(url: string, { token, path }: ListenFlags): Promise<MosClient> {
  const load = () => import('../../plugin/client/index.ts');
  const { MosClient } = await withOptionalPackage('socket.io-client', 'listen', load);
  const options = { ...(token === undefined ? {} : { auth: { token } }), ...(path === undefined ? {} : { path }) };
  return new MosClient(url, { ...options, forceNew: true });
}

async function listen(address: string, flags: ListenFlags): Promise<void> {
  const url = namespaceUrl(address);
  const subscriptions = subscriptionsOf(flags);
  const signal = untilInterrupted();
  const client = await connect(url, flags);
  const interrupted = aborted(signal);
  const refused = new Promise<never>((_, reject) => {
    client.on('error', (error: MosClientError) => reject(new CliError(`${url}: ${error.message}`)));
  });
  client.socket.on('connect_error', (error) => {
    if (client.socket.active) console.error(`${url}: ${error.message}; trying again`);
  });
  client.on('disconnect', ({ reason }) => console.error(`disconnected${reason === undefined ? '' : `: ${reason}`}`));
  const stop = show(client, flags.json === true);
  try {
    const subscribed = Promise.all(subscriptions.map((each) => client.subscribe(each))).catch(
      (error: Error & Partial<MosClientError>) => {
        if (error.handle !== undefined) return; // the client goes on trying
        throw new CliError(`${url}: ${error.message}`, exitCodes.failed, { cause: error });
      },
    );
    await Promise.race([interrupted, refused, subscribed.then(() => interrupted)]);
  } finally {
    stop();
    client.close();
  }
}

/** Shows events until the function that is returned is called. */
function show(client: MosClient, json: boolean): () => void {
  const onEvery = (take: (event: MosEvent) => void) => {
    for (const name of mosEventTypes) client.on(name, take);
  };
  if (json || !process.stdout.isTTY) {
    onEvery((event) => process.stdout.write(`${json ? JSON.stringify(event) : eventLine(event)}\n`));
    return () => {};
  }
  const table = new LiveTable();
  const screen = new Screen(process.stdout);
  onEvery((event) => table.take(event));
  const draw = () => {
    const head = client.connected ? `${client.producers.size} producers; Ctrl-C ends` : 'connecting ...';
    screen.draw(`${head}\n${table.render(client.producers.values())}`);
  };
  draw();
  const timer = setInterval(draw, redrawMs);
  return () => {
    clearInterval(timer);
    screen.close();
  };
}
