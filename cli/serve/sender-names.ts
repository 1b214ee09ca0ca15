import { isIP } from 'node:net';
import { maxIdLength } from '../../src/base/options.ts';
import { InvalidArgumentError } from '../packages/commander.ts';

/** Who is called what: `name` of every sender, or of those that `matches`. */
export interface SenderName {
  readonly name: string;
  readonly matches: (sender: Sender) => boolean;
}

/** Where a packet came from, and on which of our ports. */
interface Sender {
  readonly localPort: number;
  readonly address: string;
  readonly port: number;
}

/**
 * 'NAME', 'LOCAL-PORT=NAME', 'ADDRESS=NAME' or 'ADDRESS:PORT=NAME' (IPv6: '[ADDRESS]:PORT=NAME').
 *
 * @throws InvalidArgumentError
 */
export function parseSenderName(text: string): SenderName {
  const at = text.indexOf('=');
  const name = text.slice(at + 1);
  if (name === '' || name.length > maxIdLength) {
    throw new InvalidArgumentError(`the name must have 1 to ${maxIdLength} characters.`);
  }
  return { name, matches: at === -1 ? () => true : matcherOf(text.slice(0, at)) };
}

function matcherOf(sender: string): SenderName['matches'] {
  if (/^\d+$/.test(sender)) return ({ localPort }) => localPort === Number(sender);
  if (isIP(sender) !== 0) return ({ address }) => address === sender;
  const [, inBrackets, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(sender) ?? [];
  const host = inBrackets ?? plain ?? '';
  if (isIP(host) === 0) {
    throw new InvalidArgumentError(
      'must be NAME, or SENDER=NAME with a UDP port of ours, an IP address or ADDRESS:PORT.',
    );
  }
  return (from) => from.address === host && from.port === Number(port);
}

/** The name of a sender by its key, 'LOCAL-PORT/ADDRESS:PORT' or, of a further SSRC, that and '#SSRC': of the first that fits. */
export function nameOfSender(names: readonly SenderName[], key: string): string | undefined {
  const [, localPort, address = '', port] = /^(\d+)\/([^#]+):(\d+)(?:#|$)/.exec(key) ?? [];
  const sender = { localPort: Number(localPort), address, port: Number(port) };
  return names.find(({ matches }) => matches(sender))?.name;
}
