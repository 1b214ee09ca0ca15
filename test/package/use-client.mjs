// A subscriber's ES module. Copied into an empty project by client.test.ts, with the address of a server as argument.
import { MosClient, mosEvent, noScoreReasons } from 'mediasoup-mos-client';

const mos = new MosClient(process.argv[2], { transports: ['websocket'] });
const event = new Promise((resolve) => mos.on('noscore', resolve));
await mos.subscribe({ routerId: 'a-router' });
const { producerId, reason } = await event;
console.log(JSON.stringify({ producerId, reason, known: noScoreReasons.includes(reason), schema: typeof mosEvent }));
mos.close();
