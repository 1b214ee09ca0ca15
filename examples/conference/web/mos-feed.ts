import type { Socket } from 'socket.io-client';
import type { MosStatusEvent } from '../../../plugin/events.ts';
import type { ClientToServerEvents, ServerToClientEvents } from '../../../plugin/feed-contract.ts';
import type { ConferenceClient } from './client.ts';

/** The MOS events of the room, for as long as the client's connection lasts. */
export function openMosFeed(client: ConferenceClient, onStatus: (event: MosStatusEvent) => void): void {
  const { mosToken, routerId } = client.welcome;
  const socket: Socket<ServerToClientEvents, ClientToServerEvents> = client.openNamespace('/mos', { token: mosToken });
  socket.on('connect', () => {
    socket.emit('subscribe', { routerId }, (reply) => {
      if (!reply.ok) console.error(`no scores: ${reply.error.message}`);
    });
  });
  socket.on('snapshot', ({ producers }) => {
    for (const { status } of producers) if (status !== undefined) onStatus(status);
  });
  socket.on('score', onStatus);
  socket.on('noscore', onStatus);
}
