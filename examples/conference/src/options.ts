import { isIP } from 'node:net';
import { parseArgs } from 'node:util';

export interface ConferenceArguments {
  bots: boolean;
  /** 0 = any free one. */
  port: number;
  host: string;
  announcedIp?: string;
}

export const usage = `A conference room with live speech quality.

Usage: npm start -- [options]

  --no-bots            no participants of our own: the room starts empty
  --port PORT          of the page, 0 to 65535; 0 takes any free one (default 3000)
  --host ADDRESS       where page and media listen (default 127.0.0.1; 0.0.0.0 for every interface)
  --announced-ip IP    where clients find the media, when that is not --host (behind NAT)
  --help               this text

Browsers give a page the microphone only on localhost or over HTTPS: for other machines put a proxy with a certificate in front.
`;

/** A wrong argument: the message says which. */
export class ArgumentError extends Error {}

/** @returns undefined when help is wanted */
export function parseArguments(args: readonly string[]): ConferenceArguments | undefined {
  const { port, host, bots, help, 'announced-ip': announcedIp } = parse(args);
  if (help) return undefined;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    throw new ArgumentError(`--port must be an integer from 0 to 65535: ${port}`);
  }
  for (const [name, value] of [
    ['--host', host],
    ['--announced-ip', announcedIp],
  ] as const) {
    if (value !== undefined && isIP(value) === 0) throw new ArgumentError(`${name} must be an IP address: ${value}`);
  }
  return { bots, port: Number(port), host, ...(announcedIp === undefined ? {} : { announcedIp }) };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowNegative: true,
      options: {
        bots: { type: 'boolean', default: true },
        port: { type: 'string', default: '3000' },
        host: { type: 'string', default: '127.0.0.1' },
        'announced-ip': { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new ArgumentError((error as Error).message, { cause: error });
  }
}
