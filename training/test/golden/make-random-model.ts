/** Writes the random models that the tests of the scorer use: node --import tsx test/golden/make-random-model.ts */
import { fileURLToPath } from 'node:url';
import { writeRandomModel } from '../support/random-model.ts';

const folder = fileURLToPath(new URL('../../../test/fixtures/models/', import.meta.url));
writeRandomModel(folder, 'random-streaming', 'streaming');
