// Writes docs/asyncapi.yaml from the schemas that the server and its types are made of:
//   node --import tsx scripts/asyncapi.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import * as z from 'zod';
import { clientMessageSchemas, closeCodes, serverMessageSchemas } from '../plugin/feeds/websocket/contract.ts';

const root = new URL('../', import.meta.url);

export const asyncApiFile = new URL('docs/asyncapi.yaml', root);

const summaries = {
  connect: 'First, and once: who the client is. Within 10 s of connecting.',
  subscribe: 'What the client wants to hear about. Asking again sends the snapshot again.',
  unsubscribe: 'What the client wants to hear about no longer.',
  connected: 'The client was let in.',
  reply: 'To one subscribe or unsubscribe; comes after the snapshot.',
  goodbye: `The last message of a connection that the server ends. Close codes: ${Object.entries(closeCodes)
    .map(([reason, code]) => `${code} ${reason}`)
    .join(', ')}; 1009 for a message that is too large.`,
  snapshot: 'Comes first: what holds for every producer subscribed to, in place of everything known of them before.',
  score: 'A live score of one producer. The only message that may be left out for a client that is slow to receive.',
  noscore: 'The producer has no score, and why. Sent when the reason changes.',
  state: 'How the producer sounds has changed for a while.',
  warning: 'Something is wrong with the sound, and has been for a while; holds until its warningcleared.',
  warningcleared: 'A warning holds no longer.',
  report: "Summary of the producer's call: the last but one event of a producer, and on demand.",
  producerclose: 'Last event of a producer: it was closed or removed, or its observer was closed.',
} as const satisfies Record<keyof typeof clientMessageSchemas | keyof typeof serverMessageSchemas, string>;

type MessageName = keyof typeof summaries;

/** What readers may rely on: further fields may come with newer servers ('input'), so none are forbidden there. */
const jsonSchema = (schema: z.ZodType) => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
  return rest;
};

const message = (name: MessageName, schema: z.ZodType) => ({
  name,
  summary: summaries[name],
  contentType: 'application/json',
  payload: jsonSchema(schema),
});

const mapValues = <Value, Result>(
  record: Readonly<Record<string, Value>>,
  map: (value: Value, key: string) => Result,
) => Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));

/** The document, AsyncAPI 3.0. */
export function asyncApiDocument(): object {
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const schemas: Record<string, z.ZodType> = { ...clientMessageSchemas, ...serverMessageSchemas };
  const refTo = (name: string) => ({ $ref: `#/channels/mos/messages/${name}` });
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'mediasoup-mos over a plain WebSocket',
      version,
      description:
        'Speech quality of every participant of a call. Each text frame is one JSON object, told by its `type`. Send ' +
        '`connect` first, then `subscribe`. Messages of clients have at most 16 KiB. What the server sends may have ' +
        'further fields in later versions.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: {
      example: { host: 'calls.example', protocol: 'wss', description: "The application's own server." },
    },
    channels: {
      mos: {
        address: '/mos',
        description: 'The path is that of `attachMosWebSocket`.',
        messages: mapValues(schemas, (_, name) => ({ $ref: `#/components/messages/${name}` })),
      },
    },
    operations: {
      take: {
        action: 'receive',
        channel: { $ref: '#/channels/mos' },
        summary: 'What the server takes from clients.',
        messages: Object.keys(clientMessageSchemas).map(refTo),
      },
      tell: {
        action: 'send',
        channel: { $ref: '#/channels/mos' },
        summary: 'What the server sends.',
        messages: Object.keys(serverMessageSchemas).map(refTo),
      },
    },
    components: { messages: mapValues(schemas, (schema, name) => message(name as MessageName, schema)) },
  };
}

/** The text of the file. */
export const asyncApiText = (): string =>
  `# Made by scripts/asyncapi.ts from the schemas of the server.\n${stringify(asyncApiDocument(), { lineWidth: 120, aliasDuplicateObjects: false })}`;

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(asyncApiFile, asyncApiText());
