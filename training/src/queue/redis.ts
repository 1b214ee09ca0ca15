import { createClient } from 'redis';
import { TrainingError } from '../run/errors.ts';

export type RedisClient = ReturnType<typeof createClient>;

/**
 * Connects to Redis. A connection that is lost later is made again, however long that takes.
 *
 * @param url - redis://[[user:]password@]host[:port][/database], or rediss://... over TLS
 * @param onTrouble - called when the connection is lost, and when it is back
 * @throws {TrainingError} queue when the first connection fails; its message has no password
 */
export async function connectRedis(url: string, onTrouble: (what: string) => void): Promise<RedisClient> {
  const { protocol, host } = parse(url);
  const name = `Redis at ${protocol}//${host}`;
  let connected = false;
  let lost = false;
  const client: RedisClient = createClient({
    url,
    socket: { reconnectStrategy: (retries, cause) => (connected ? Math.min(100 * (retries + 1), 5000) : cause) },
  });
  client.on('error', (error: Error) => {
    if (connected && !lost) onTrouble(`${name} is lost: ${error.message || error}; trying again`);
    lost = connected;
  });
  client.on('ready', () => {
    if (lost) onTrouble(`${name} is back`);
    [connected, lost] = [true, false];
  });
  try {
    await client.connect();
  } catch (cause) {
    const { message, errors } = cause as Error & { errors?: Error[] };
    throw new TrainingError('queue', `${name} cannot be reached: ${message || errors?.[0]?.message}`, { cause });
  }
  return client;
}

function parse(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed?.host || !['redis:', 'rediss:'].includes(parsed.protocol)) {
    throw new TrainingError('invalid-input', 'the queue must be a URL such as redis://host:6379');
  }
  return parsed;
}
