import { io, type Socket } from 'socket.io-client';
import type { MosEvent, MosSnapshotEvent } from '../../events.ts';
import type { ClientToServerEvents, MosSubscription, ServerToClientEvents } from '../../feed-contract.ts';
import type { HistoryReply } from '../history-reply.ts';

export interface FeedOptions {
  /** Of socket.io and its namespace, e.g. 'https://calls.example/mos'. */
  readonly url: string;
  /** socket.io's path, e.g. '/socket.io/'. */
  readonly path: string;
  /** Where the server remembers. */
  readonly historyUrl: URL;
  readonly token: string | undefined;
  readonly subscription: MosSubscription;
}

export interface FeedListener {
  /** What the server remembers; comes first, unless it cannot be had. */
  onHistory(reply: HistoryReply): void;
  onSnapshot(event: MosSnapshotEvent): void;
  onEvent(event: MosEvent): void;
  /** In words for whoever looks on. */
  onStatus(status: FeedStatus, text: string): void;
}

export type FeedStatus = 'connecting' | 'live' | 'refused';

const historyTimeoutMs = 5000;

/** Hears what is said of a subscription, and asks for the time before at every connection. Ends when told. */
export function openFeed(
  { url, path, historyUrl, token, subscription }: FeedOptions,
  listener: FeedListener,
): { close(): void } {
  const auth = token === undefined ? {} : { token };
  const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(url, { path, auth, forceNew: true });
  let withHistory = 'live';

  socket.on('connect', async () => {
    try {
      listener.onHistory(await readHistory(historyUrl, subscription, token));
      withHistory = 'live';
    } catch (error) {
      withHistory = `live, without the time before: ${(error as Error).message}`;
    }
    socket.emit('subscribe', subscription, (reply) => {
      if (reply.ok) listener.onStatus('live', withHistory);
      else listener.onStatus('refused', reply.error.message);
    });
  });
  socket.on('disconnect', () => listener.onStatus('connecting', 'connection lost, trying again'));
  socket.on('connect_error', (error) => {
    if (socket.active) listener.onStatus('connecting', `no connection (${error.message}), trying again`);
    else listener.onStatus('refused', error.message);
  });
  socket.on('snapshot', (event) => listener.onSnapshot(event));
  const onEvent = (event: MosEvent) => listener.onEvent(event);
  socket.on('score', onEvent).on('noscore', onEvent).on('state', onEvent).on('close', onEvent);
  socket.on('warning', onEvent).on('warningcleared', onEvent).on('report', onEvent);
  listener.onStatus('connecting', 'connecting');
  return { close: () => void socket.disconnect() };
}

async function readHistory(base: URL, subscription: MosSubscription, token?: string): Promise<HistoryReply> {
  const url = new URL(base);
  for (const [kind, id] of Object.entries(subscription)) url.searchParams.set(kind, id as string);
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(historyTimeoutMs), cache: 'no-store' });
  if (!response.ok) throw new Error((await response.text()).trim());
  return (await response.json()) as HistoryReply;
}
