import { MosClient, type MosClientError } from '../../client/index.ts';
import { mosEventTypes } from '../../feeds/event-types.ts';
import type { MosEvent, MosSnapshotEvent } from '../../feeds/events.ts';
import type { MosSubscription } from '../../feeds/feed-contract.ts';
import type { HistoryReply, RoutersReply } from '../history-reply.ts';

export interface FeedOptions {
  /** Of socket.io's server with its namespace, e.g. 'https://calls.example/mos'. */
  readonly url: string;
  /** socket.io's path, e.g. '/socket.io/'. */
  readonly path: string;
  /** Where the server remembers. */
  readonly historyUrl: URL;
  readonly token: string | undefined;
  readonly subscription: MosSubscription;
}

export interface FeedListener {
  /** What the server remembers: first of all, and after every break; not where it cannot be had. */
  onHistory(reply: HistoryReply): void;
  onSnapshot(event: MosSnapshotEvent): void;
  onEvent(event: MosEvent): void;
  /** In words for the reader. */
  onStatus(status: FeedStatus, text: string): void;
}

export type FeedStatus = 'connecting' | 'live' | 'refused';

const historyTimeoutMs = 5000;
/** Receives the events of a subscription, and asks for earlier ones at every connection. Ends when closed. */
export function openFeed(
  { url, path, historyUrl, token, subscription }: FeedOptions,
  listener: FeedListener,
): { close(): void } {
  const auth = token === undefined ? {} : { token };
  const client = new MosClient(url, { path, auth, forceNew: true });
  const onRefused = ({ message, handle }: MosClientError) => {
    if (client.closed) return;
    if (handle === undefined) listener.onStatus('refused', message);
    else listener.onStatus('connecting', message); // the client goes on trying
  };
  const refresh = async () => {
    let text = 'live';
    try {
      const history = await readHistory(historyUrl, subscription, token);
      if (!client.closed) listener.onHistory(history);
    } catch (error) {
      text = `live, without the time before: ${(error as Error).message}`;
    }
    return () => {
      if (client.connected) listener.onStatus('live', text);
    };
  };

  client.on('disconnect', () => listener.onStatus('connecting', 'connection lost, trying again'));
  client.on('error', onRefused);
  client.on('snapshot', (event) => listener.onSnapshot(event));
  for (const type of mosEventTypes) client.on(type, (event: MosEvent) => listener.onEvent(event));

  listener.onStatus('connecting', 'connecting');
  let subscribed = false;
  client.on('connect', () => {
    // The first subscription waits for the history, so that what is live comes after it.
    if (subscribed) refresh().then((say) => say());
  });
  refresh()
    .then(async (say) => {
      if (client.closed) return;
      const subscribing = client.subscribe(subscription);
      subscribed = true;
      await subscribing;
      say();
    })
    .catch(onRefused);
  return client;
}

/**
 * Ids of the routers that the server observes and the token opens.
 *
 * @throws Error with the server's reason, or where it cannot be reached
 */
export const readRouters = async (url: URL, token?: string): Promise<readonly string[]> =>
  ((await readJson(url, token)) as RoutersReply).routerIds;

async function readHistory(base: URL, subscription: MosSubscription, token?: string): Promise<HistoryReply> {
  const url = new URL(base);
  for (const [kind, id] of Object.entries(subscription)) url.searchParams.set(kind, id as string);
  return (await readJson(url, token)) as HistoryReply;
}

async function readJson(url: URL, token?: string): Promise<unknown> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(historyTimeoutMs), cache: 'no-store' });
  if (!response.ok) throw new Error((await response.text()).trim());
  return response.json();
}
