import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { buildAdvice, loadNative, type NativeLoadError } from '../../src/engine/load.ts';

const folder = mkdtempSync(join(tmpdir(), 'native-'));
after(() => rmSync(folder, { recursive: true }));

describe('loadNative', () => {
  it('gives the same addon each time', () => {
    assert.equal(loadNative(), loadNative());
    assert.equal(loadNative().features.mels, 64);
  });

  it('names another C library than glibc', () => {
    assert.match(buildAdvice(null), /musl \(Alpine\) is not supported/);
    assert.match(buildAdvice('2.36'), /build:native/);
  });

  it('says of each path what is really wrong with it', () => {
    const missing = join(folder, 'missing.node');
    const broken = join(folder, 'broken.node');
    writeFileSync(broken, 'not a shared object');
    assert.throws(
      () => loadNative([missing, broken]),
      (error: NativeLoadError) => {
        assert.equal(error.name, 'NativeLoadError');
        assert.equal(error.code, 'ERR_NATIVE_LOAD');
        assert.match(error.message, /missing\.node: Cannot find module/);
        assert.match(error.message, /broken\.node: .*(file too short|invalid ELF header)/);
        assert.match((error.cause as Error).message, /missing\.node/);
        return true;
      },
    );
  });
});
