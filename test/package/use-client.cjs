// A subscriber's CommonJS module. Copied into an empty project by client.test.ts, with the address of a server as argument.
const { MosClient, mosEvent, noScoreReasons } = require('mediasoup-mos-client');

async function main() {
  const mos = new MosClient(process.argv[2], { transports: ['websocket'] });
  const event = new Promise((resolve) => mos.on('noscore', resolve));
  await mos.subscribe({ routerId: 'a-router' });
  const { producerId, reason } = await event;
  console.log(JSON.stringify({ producerId, reason, known: noScoreReasons.includes(reason), schema: typeof mosEvent }));
  mos.close();
}

main();
