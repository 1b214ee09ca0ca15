/** Types of the events of a producer, which are their names on every feed too. Their schemas: `mosEventSchemas`. */
export const mosEventTypes = [
  'score',
  'noscore',
  'state',
  'warning',
  'warningcleared',
  'report',
  'producerclose',
] as const;

/** Type of an event of a producer. */
export type MosEventType = (typeof mosEventTypes)[number];
