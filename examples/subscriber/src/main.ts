/** Prints how the participants of a router sound:  npx tsx src/main.ts https://calls.example/mos ROUTER_ID TOKEN */
import { MosClient } from '../../../plugin/client/index.ts';

const [url, routerId, token] = process.argv.slice(2);
if (url === undefined || routerId === undefined) {
  console.error('usage: main.ts https://calls.example/mos ROUTER_ID [TOKEN]');
  process.exit(2);
}

const mos = new MosClient(url, { auth: { token } });
mos.on('score', ({ participantId, mosLqo }) => console.log(participantId, mosLqo.toFixed(2)));
mos.on('noscore', ({ participantId, reason }) => console.log(participantId, reason));
mos.on('warning', ({ participantId, name }) => console.log(participantId, `warning: ${name}`));
mos.on('producerclose', ({ participantId }) => console.log(participantId, 'left'));
mos.on('error', (error) => console.error(error.message));
await mos.subscribe({ routerId });
