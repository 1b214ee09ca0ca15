/** A process that subscribes to a router over socket.io, so that events really leave the media server. */
import { io } from 'socket.io-client';

process.once('message', ({ port, routerId }: { port: number; routerId: string }) => {
  const socket = io(`http://127.0.0.1:${port}/mos`, { transports: ['websocket'] });
  socket.emit('subscribe', { routerId }, (answer: unknown) => process.send?.({ answer }));
});
process.once('disconnect', () => process.exit());
