import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Registry } from 'prom-client';
import { originCheck } from '../../plugin/feeds/origin.ts';
import { MosHealth } from '../../plugin/monitoring/health.ts';
import { Scorer } from '../../src/index.ts';
import { CliError, exitCodes } from '../errors.ts';
import { aborted, untilInterrupted } from '../interrupt.ts';
import { isMissing, withOptionalPackage } from '../optional-package.ts';
import { modelOption, whole } from '../options.ts';
import { Command, InvalidArgumentError, Option } from '../packages/commander.ts';
import { EventLines } from './event-lines.ts';
import { type Codec, codecs, payloadTypesOf, usualRed } from './payload-types.ts';
import { RtpSockets } from './rtp-sockets.ts';
import { RtpSource, rtpRouterId } from './rtp-source.ts';
import { nameOfSender, parseSenderName, type SenderName } from './sender-names.ts';

interface ServeFlags {
  model: string;
  watchModel?: boolean;
  address: string;
  port?: number[];
  codec?: Codec[];
  payloadType?: number;
  red?: number[];
  ssrc?: number[];
  from?: string[];
  maxStreams: number;
  idle: number;
  processes: number;
  httpAddress: string;
  httpPort: number;
  token?: string;
  origin?: string[];
  pathPrefix: string;
  name?: SenderName[];
  json?: boolean;
}

const port = whole(0, 65_535);
const list =
  <T>(parse: (text: string) => T) =>
  (text: string, previous: T[] | undefined) => [...(previous ?? []), parse(text)];

export function serveCommand(): Command {
  return new Command('serve')
    .description('scores RTP that ffmpeg or a media server sends, without mediasoup')
    .addOption(new Option('-a, --address <address>', 'where RTP is received').default('127.0.0.1'))
    .addOption(
      new Option('-p, --port <number>', 'UDP port for RTP, 0 for any (repeatable; default: 5004)').argParser(
        list(port),
      ),
    )
    .addOption(
      new Option(
        '-c, --codec <codec...>',
        'what is sent; each packet states which by its payload type (default: all)',
      ).choices(codecs),
    )
    .addOption(
      new Option(
        '--payload-type <number>',
        'RTP payload type, with one --codec (default: any from 96 for opus, 0 for pcmu, 8 for pcma)',
      ).argParser(whole(0, 127)),
    )
    .addOption(
      new Option(
        '--red <number>',
        `RTP payload type of RED, RFC 2198 (repeatable; default: ${usualRed.join(', ')})`,
      ).argParser(list(whole(0, 127))),
    )
    .addOption(
      new Option('--ssrc <number>', 'take this SSRC only (repeatable; default: any)').argParser(
        list(whole(0, 0xffff_ffff)),
      ),
    )
    .addOption(
      new Option(
        '--from <address>',
        'take packets from this address or network only, as 10.0.0.0/8 (repeatable)',
      ).argParser(list(network)),
    )
    .addOption(new Option('--max-streams <count>', 'senders at a time').argParser(whole(1, 10_000)).default(100))
    .addOption(
      new Option('--idle <seconds>', 'a sender is gone when silent for so long').argParser(whole(1, 3600)).default(30),
    )
    .addOption(modelOption())
    .option('--watch-model', 'when files of the model change, score with the new one, without a restart')
    .addOption(new Option('--processes <count>', 'scorer processes').argParser(whole(1, 64)).default(1))
    .addOption(new Option('--http-address <address>', 'where events are served').default('127.0.0.1'))
    .addOption(new Option('--http-port <number>', 'TCP port for events, 0 for any').argParser(port).default(8090))
    .addOption(
      new Option('-t, --token <token>', 'what clients must show; needed beyond this host').env('MEDIASOUP_MOS_TOKEN'),
    )
    .addOption(
      new Option(
        '--origin <origin>',
        "web pages of this origin may connect, as https://calls.example; '*': all (repeatable)",
      ).argParser(list(origin)),
    )
    .addOption(
      new Option('--path-prefix <path>', 'serve everything below this path, as /quality')
        .argParser(pathPrefix)
        .default(''),
    )
    .addOption(
      new Option(
        '--name <[sender=]name>',
        'participantId of every sender, or of one: our UDP port, its ADDRESS, or ADDRESS:PORT (repeatable; the first that fits)',
      ).argParser(list(parseSenderName)),
    )
    .option('--json', 'write events to standard output, one a line')
    .addHelpText(
      'after',
      `
A sender is known by its address, port and SSRC, and taken after three packets in a row. Each is a producer of the router
'${rtpRouterId}'. On the HTTP port: events over socket.io (namespace /mos) and plain WebSockets (path /mos), a page that shows
them (/#router-id=${rtpRouterId}), /metrics (where prom-client is installed), /healthz and /readyz. Without a token, the server
must be addressed by an IP address, as localhost, or by the name of an --origin.

Examples:
  mediasoup-mos serve &
  ffmpeg -re -i clip.wav -c:a libopus -f rtp rtp://127.0.0.1:5004
  mediasoup-mos listen http://127.0.0.1:8090

Exit codes: 0 ended by Ctrl-C or SIGTERM, 1 failed, 2 wrong arguments.`,
    )
    .action(serve);
}

function origin(text: string): string {
  try {
    originCheck({ allowedOrigins: [text] }, false);
    return text;
  } catch {
    throw new InvalidArgumentError('must be an origin, as https://calls.example, without a path.');
  }
}

function pathPrefix(text: string): string {
  const path = text.replace(/\/+$/, '');
  if (/^(\/[\w.~-]+)*$/.test(path)) return path;
  throw new InvalidArgumentError('must be a path, as /quality.');
}

/** An address or a network, checked. */
function network(text: string): string {
  const [address = '', prefix] = text.split('/');
  const bits = isIPv6(address) ? 128 : 32;
  if (isIP(address) === 0 || (prefix !== undefined && !(/^\d+$/.test(prefix) && Number(prefix) <= bits))) {
    throw new InvalidArgumentError('must be an IP address, or a network as 10.0.0.0/8.');
  }
  return text;
}

function allowList(networks: readonly string[] | undefined): BlockList | undefined {
  if (networks === undefined) return undefined;
  const allowed = new BlockList();
  for (const each of networks) {
    const [address = '', prefix] = each.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    allowed.addSubnet(address, prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix), family);
  }
  return allowed;
}

const isLoopback = (address: string) => address === '::1' || address.startsWith('127.');

/** Metrics of the source and its scorer; undefined where prom-client, an optional dependency, is not installed. */
async function openMetrics(source: RtpSource, scorer: Scorer, lines?: EventLines): Promise<Registry | undefined> {
  try {
    const [{ Counter, Registry }, { createMosMetrics }] = await Promise.all([
      import('prom-client'),
      import('../../plugin/monitoring/metrics.ts'),
    ]);
    const registry = new Registry();
    createMosMetrics({ registry, scorers: [scorer] }).addSource(source);
    if (lines !== undefined) {
      new Counter({
        name: 'mediasoup_mos_unwritten_events_total',
        help: 'Events that could not be written to standard output.',
        registers: [registry],
        collect() {
          this.reset();
          this.inc(lines.lost);
        },
      });
    }
    return registry;
  } catch (error) {
    if (!isMissing('prom-client', error)) throw error;
    console.error('no /metrics: npm install prom-client');
    return undefined;
  }
}

async function serve(flags: ServeFlags): Promise<void> {
  const { model, watchModel = false, address, payloadType, red, ssrc, from, maxStreams, idle } = flags;
  const { processes, httpAddress, token, pathPrefix: prefix } = flags;
  if (token === undefined && !isLoopback(httpAddress)) {
    throw new CliError(`--http-address ${httpAddress} is open to others: give a --token`, exitCodes.usage);
  }
  // One payload type is one codec's: that of Opus, unless another is named.
  const sent = flags.codec ?? (payloadType === undefined ? codecs : (['opus'] as const));
  if (payloadType !== undefined && sent.length > 1) {
    throw new CliError('--payload-type needs one --codec', exitCodes.usage);
  }
  const { FeedServer } = await withOptionalPackage('socket.io', 'serve', () => import('./http-server.ts'));
  const signal = untilInterrupted();
  const health = new MosHealth();
  const starting = Scorer.create({ model, watchModel, processes, sockets: 0, maxStreams });
  health.add(starting);
  const closing: (() => unknown)[] = [];
  try {
    const scorer = await starting;
    closing.push(() => scorer.close());
    tellModels(scorer);
    tellFailures(scorer);
    const source = new RtpSource({
      scorer,
      payloadTypes: payloadTypesOf({ codecs: sent, payloadType, red }),
      maxSources: maxStreams,
      idleMs: 1000 * idle,
      ssrcs: ssrc && new Set(ssrc),
      nameOf: (key) => nameOfSender(flags.name ?? [], key),
    });
    closing.push(() => source.close());
    const lines = flags.json ? new EventLines(process.stdout, (message) => console.error(message)) : undefined;
    const registry = await openMetrics(source, scorer, lines);
    const server = await FeedServer.open({
      ...{ address: httpAddress, port: flags.httpPort, token, source, health, registry },
      ...{ pathPrefix: prefix, origins: flags.origin ?? [] },
    });
    closing.push(() => server.close());
    if (lines !== undefined) writeEvents(source, lines);
    const sockets = await RtpSockets.open({
      ...{ address, ports: flags.port ?? [5004], from: allowList(from) },
      onPacket: (key, packet) => source.receive(key, packet),
    });
    closing.push(() => sockets.close());
    const httpHost = isIPv6(httpAddress) ? `[${httpAddress}]` : httpAddress;
    console.error(`RTP (${sent.join(', ')}) on UDP ${sockets.ports.map((each) => `${address}:${each}`).join(', ')}`);
    const url = `http://${httpHost}:${server.port}`;
    const fragment = [
      `router-id=${rtpRouterId}`,
      ...(prefix === '' ? [] : [`path=${prefix}/socket.io/`]),
      ...(token === undefined ? [] : ['token=...']),
    ].join('&');
    const path = prefix === '' ? '' : ` (socket.io's path: ${prefix}/socket.io/; plain WebSockets: ${prefix}/mos)`;
    console.error(`events on ${url}/mos${path}; page: ${url}${prefix}/#${fragment}`);
    console.error('Ctrl-C ends');
    await aborted(signal);
    tellDropped(source);
    if (lines !== undefined && lines.lost > 0) console.error(`events not written to standard output: ${lines.lost}`);
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

function tellModels(scorer: Scorer): void {
  const current = () => `${scorer.model.name} ${scorer.model.version}`;
  scorer.on('modelchange', () => console.error(`from now on the model is ${current()}`));
  scorer.on('modelerror', ({ error }) => console.error(`${current()} goes on: ${error.message}`));
}

function tellFailures(scorer: Scorer): void {
  scorer.on('processdied', ({ pid, reason, code, signal }) => {
    const how = reason === 'hang' ? 'hangs' : `ended (${signal ?? `code ${code}`})`;
    console.error(`scorer process ${pid} ${how}: it is started again`);
  });
  scorer.on('processrestarted', ({ pid, downMs }) => {
    console.error(`scorer process ${pid} goes on after ${Math.round(downMs)} ms`);
  });
  scorer.on('processfailed', ({ failures, error }) => {
    const why = error === undefined ? '' : `: ${error.message}`;
    console.error(`scoring has failed, it is tried on (${failures} failed starts)${why}`);
  });
  scorer.on('streamerror', ({ streamId, error }) => console.error(`${streamId} cannot be scored: ${error.message}`));
}

function writeEvents(source: RtpSource, { write }: EventLines): void {
  source.on('score', write).on('noscore', write).on('state', write).on('warning', write);
  source.on('warningcleared', write).on('report', write).on('producerclose', write);
}

function tellDropped({ dropped }: RtpSource): void {
  const counts = Object.entries(dropped).filter(([, count]) => count > 0);
  if (counts.length > 0)
    console.error(`datagrams left out: ${counts.map(([why, count]) => `${count} ${why}`).join(', ')}`);
}
