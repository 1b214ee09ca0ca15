import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
const surroundings = join(root, 'test/docs/surroundings.d.ts');

/** Documents with examples for readers of the package. */
const documents = [
  'README.md',
  'plugin/client/README.md',
  'training/README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** The code of every `ts` block, by a file name that tells document and line; each is a module of its own. */
function blocks(): Map<string, string> {
  const found = new Map<string, string>();
  for (const document of documents) {
    const text = readFileSync(join(root, document), 'utf8');
    for (const { 1: code = '', index } of text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)) {
      const line = text.slice(0, index).split('\n').length;
      const name = `${document.replaceAll('/', '_')}:${line}.ts`;
      found.set(join(root, 'test/docs', name), `${code}\nexport {};\n`);
    }
  }
  return found;
}

/** As the package's own code is compiled, but that an example may leave a constant unused. */
const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
  paths: {
    'mediasoup-mos': [join(root, 'plugin/index.ts')],
    'mediasoup-mos/client': [join(root, 'plugin/client/index.ts')],
    'mediasoup-mos-client': [join(root, 'plugin/client/index.ts')],
    'mediasoup-mos/metrics': [join(root, 'plugin/monitoring/metrics.ts')],
    'mediasoup-mos/dashboard': [join(root, 'plugin/dashboard/dashboard.ts')],
    'mediasoup-mos/scorer': [join(root, 'src/index.ts')],
  },
};

describe('the examples of the documentation', () => {
  const code = blocks();
  let program: ts.Program;

  before(() => {
    const host = ts.createCompilerHost(options);
    const { fileExists, readFile, getSourceFile } = host;
    host.fileExists = (file) => code.has(file) || fileExists(file);
    host.readFile = (file) => code.get(file) ?? readFile(file);
    host.getSourceFile = (file, ...rest) => {
      const text = code.get(file);
      return text === undefined ? getSourceFile(file, ...rest) : ts.createSourceFile(file, text, rest[0], true);
    };
    program = ts.createProgram([surroundings, ...code.keys()], options, host);
  });

  it('are found', () => assert.ok(code.size >= 12, `${code.size}`));

  for (const file of code.keys()) {
    it(`${file.split('/').at(-1)} compiles`, () => {
      const source = program.getSourceFile(file) ?? assert.fail('not compiled');
      const errors = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      assert.deepEqual(
        errors.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
        [],
      );
    });
  }
});
