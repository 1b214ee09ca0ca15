import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '../..');

/** What an import breaks; none where it goes down. A circle is reported at one of its imports. */
const cases = [
  ['src/engine/load.ts', 'src/scoring/session.ts', 'src/engine-imports-downwards'],
  ['src/quality/monitor.ts', 'src/model/model.ts', 'src/quality-imports-downwards'],
  ['src/events.ts', 'src/base/errors.ts', 'src/events.ts-imports-downwards'],
  ['src/host/scorer.ts', 'plugin/feeds/events.ts', 'src-imports-what-it-may'],
  ['src/novelty/new.ts', 'src/base/log.ts', 'no-room-without-a-place'],
  ['src/base/one.ts', 'src/base/two.ts', 'no-circles'],
  ['src/base/two.ts', 'src/base/one.ts', undefined],
  ['plugin/feeds/access.ts', 'plugin/mediasoup/observer.ts', 'plugin/feeds-imports-downwards'],
  ['plugin/index.ts', 'cli/main.ts', 'plugin-imports-what-it-may'],
  ['bench/main.ts', 'plugin/client/mos-client.ts', 'plugin/client-by-its-index'],
  ['training/src/cli.ts', 'plugin/monitoring/health.ts', 'training/src-imports-what-it-may'],
  ['examples/conference/src/main.ts', 'src/index.ts', 'examples-imports-what-it-may'],
  ['src/model/manifest.ts', 'src/engine/contract.ts', undefined],
  ['training/src/evaluate/sets.ts', 'src/model/load.ts', undefined],
  ['cli/serve/command.ts', 'plugin/client/index.ts', undefined],
] as const;

test('an import upwards, sideways or in a circle breaks a rule', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rooms-'));
  try {
    const files = new Map<string, string>();
    for (const [from, to] of cases) {
      files.set(to, files.get(to) ?? 'export type Thing = number;\n');
      const specifier = relative(dirname(from), to).replace(/^(?!\.)/, './');
      files.set(from, `${files.get(from) ?? ''}export type { Thing } from '${specifier}';\n`);
    }
    for (const [path, text] of files) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const config = join(root, '.dependency-cruiser.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [program, '--config', config, '-T', 'json', '.'], {
      cwd: folder,
    });
    const { modules, summary } = JSON.parse(stdout) as {
      modules: { dependencies: unknown[] }[];
      summary: { violations: { from: string; to: string; rule: { name: string } }[] };
    };
    assert.equal(modules.flatMap(({ dependencies }) => dependencies).length, cases.length);
    const broken = summary.violations.map(({ from, to, rule }) => [from, to, rule.name]);
    assert.deepEqual(broken.sort(), cases.filter(([, , rule]) => rule).sort());
  } finally {
    rmSync(folder, { recursive: true });
  }
});
