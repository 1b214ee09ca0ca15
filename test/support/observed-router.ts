import type { types } from 'mediasoup';
import type { ServerOptions } from 'socket.io';
import { createMosObserver, type MosObserver } from '../../plugin/index.ts';
import { FakeScorer, type FakeStream } from './fake-scorer.ts';
import { type FeedServer, startFeedServer } from './feed-server.ts';
import { createRouter, opusProducer } from './media-server.ts';

export interface ObservedProducer {
  readonly producer: types.Producer;
  /** The scorer's stream of it: what it says, the observer says. */
  readonly stream: FakeStream;
}

/** What every test of a feed begins with: a server, and a router whose observer says what its scorer is told to. */
export interface ObservedRouter {
  readonly server: FeedServer;
  readonly scorer: FakeScorer;
  readonly router: types.Router;
  readonly observer: MosObserver;
  /** A new producer of the router, in the observer. */
  addProducer(participantId?: string): Promise<ObservedProducer>;
  close(): Promise<void>;
}

export async function startObservedRouter(
  worker: types.Worker,
  serverOptions?: Partial<ServerOptions>,
): Promise<ObservedRouter> {
  const server = await startFeedServer(serverOptions);
  const scorer = await FakeScorer.create();
  const router = await createRouter(worker);
  const transport = await router.createDirectTransport();
  const observer = await createMosObserver({ router, scorer: scorer.asScorer });
  return {
    ...{ server, scorer, router, observer },
    async addProducer(participantId) {
      const producer = await transport.produce(opusProducer(1000 + scorer.streams.length));
      const participant = participantId === undefined ? {} : { participantId };
      await observer.addProducer({ producerId: producer.id, ...participant });
      return { producer, stream: scorer.streams.at(-1) as FakeStream };
    },
    async close() {
      observer.close();
      router.close();
      await server.close();
      await scorer.close();
    },
  };
}
