import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const at = (path: string) => new URL(`../${path}`, import.meta.url);

/** Test files that a cell names, each with its tests: `file`: name; name; `file`: name */
function testsOf(cell: string): { file: string; names: string[] }[] {
  return cell
    .split(/(?=`test\/)/)
    .map((part) => /^`(?<file>test\/[^`]+)`: (?<names>.*)$/s.exec(part.trim())?.groups)
    .flatMap((groups) =>
      groups === undefined
        ? []
        : [{ file: groups.file as string, names: namesIn(groups.file as string, groups.names as string) }],
    );
}

/** The names of `file` that follow each other in `text`, separated by semicolons, which names may have too. */
function namesIn(file: string, text: string): string[] {
  const source = readFileSync(at(file), 'utf8');
  const names: string[] = [];
  for (const part of text.replace(/;\s*$/, '').split('; ')) {
    const before = names.at(-1);
    if (before !== undefined && !source.includes(before)) names[names.length - 1] = `${before}; ${part}`;
    else names.push(part);
  }
  return names;
}

describe('docs/threats.md', () => {
  const rows = readFileSync(at('docs/threats.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---') && !line.startsWith('| way in'))
    .map((line) => line.slice(2, -2).split(' | '));

  for (const [way, guard, tests] of rows as [string, string, string][]) {
    it(`names tests that exist: ${way}`, () => {
      assert.ok(guard.length > 0);
      const named = testsOf(tests);
      assert.ok(named.length > 0, tests);
      for (const { file, names } of named) {
        const source = readFileSync(at(file), 'utf8');
        for (const name of names) assert.ok(source.includes(name), `${file} has no test '${name}'`);
      }
    });
  }
});
