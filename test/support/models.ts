import { fileURLToPath } from 'node:url';

const manifestOf = (name: string) => fileURLToPath(new URL(`../fixtures/models/${name}.json`, import.meta.url));

/** The trained windowed model of the tests, `standin`: its golden values lie in test/fixtures/golden. */
export const windowedModel = manifestOf('standin');

/** An untrained streaming model, `random-streaming`: it says something about every sound, and nothing of use. */
export const randomModel = manifestOf('random-streaming');
