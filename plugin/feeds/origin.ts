import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** Which web pages may connect: browsers let every page open WebSockets to every server, and name the page in `Origin`. */
export interface OriginOptions {
  /**
   * Origins of web pages that may connect, besides pages of the server itself: as 'https://calls.example', with the port
   * unless it is the scheme's; 'null' for sandboxed pages and files; '*' for every page. Needed too where a proxy replaces the
   * `Host` header. Clients other than browsers send no origin and are not concerned. Default none.
   */
  allowedOrigins?: readonly string[];
  /**
   * Names by which the server may be addressed, without port, besides IP addresses, localhost and those of `allowedOrigins`: a
   * page whose own name was made to point to this server (DNS rebinding) has the server's origin, but not its name. Default:
   * every name; none where anybody may connect and subscribe (no `authenticate`, and `authorize` is `allowAll`).
   */
  allowedHosts?: readonly string[];
}

/** Why a request is refused for where it comes from; undefined = it is not. */
export type OriginCheck = (headers: IncomingHttpHeaders) => string | undefined;

/**
 * @param isOpen - whether anybody may connect and subscribe
 * @throws TypeError | RangeError naming the option
 */
export function originCheck({ allowedOrigins = [], allowedHosts }: OriginOptions, isOpen: boolean): OriginCheck {
  const origins = new Set(
    checkList('allowedOrigins', allowedOrigins, isOrigin, "an origin as 'https://calls.example'"),
  );
  const named = checkList('allowedHosts', allowedHosts ?? [], isHostName, "a host name as 'calls.example'");
  const ofOrigins = [...origins].filter((origin) => URL.canParse(origin)).map((origin) => new URL(origin).hostname);
  const anyHost = (allowedHosts === undefined && !isOpen) || origins.has('*');
  const hosts = new Set([...named.map((name) => name.toLowerCase()), ...ofOrigins]);
  return ({ origin, host = '' }) => {
    if (!anyHost && !isSafeHost(host, hosts)) {
      return `the server was addressed as '${host}', which is not among allowedHosts`;
    }
    if (origin === undefined || origins.has('*') || origins.has(origin) || isSameOrigin(origin, host)) return undefined;
    return `a page of '${origin}' is not of the server's origin ('${host}'), nor among allowedOrigins`;
  };
}

/** The scheme is not compared: TLS may end at a proxy. */
function isSameOrigin(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false; // 'null'
  const { protocol, host: pageHost } = new URL(origin);
  const server = `${protocol}//${host}`;
  return URL.canParse(server) && new URL(server).host === pageHost && pageHost !== '';
}

/** No name that another party can make point here. */
function isSafeHost(header: string, allowed: ReadonlySet<string>): boolean {
  if (!URL.canParse(`http://${header}`)) return false;
  const { hostname } = new URL(`http://${header}`);
  const isAddress = isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0;
  return isAddress || hostname === 'localhost' || hostname.endsWith('.localhost') || allowed.has(hostname);
}

const isOrigin = (text: string): boolean =>
  text === '*' ||
  text === 'null' ||
  (URL.canParse(text) && text === `${new URL(text).protocol}//${new URL(text).host}`);

const isHostName = (text: string): boolean => /^[\w.-]+$/.test(text);

function checkList(
  name: string,
  list: readonly string[],
  isValid: (text: string) => boolean,
  expected: string,
): readonly string[] {
  if (!Array.isArray(list)) throw new TypeError(`${name} must be an array, got ${typeof list}`);
  for (const each of list) {
    if (typeof each !== 'string') throw new TypeError(`${name} must hold strings, got ${typeof each}`);
    if (!isValid(each)) throw new RangeError(`${name}: '${each}' is not ${expected}`);
  }
  return list;
}
