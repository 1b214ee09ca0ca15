import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import {
  checkBuffers,
  checkBuffersIn,
  checkFfmpeg,
  checkMediasoup,
  checkNode,
  checkPlatform,
  findingOf,
} from '../../cli/doctor/checks.ts';
import { runCli, startCli } from '../support/cli.ts';

describe('mediasoup-mos doctor', () => {
  it('finds this installation well', async () => {
    const { code, stdout } = await runCli(['doctor', '--json']);
    const findings: { what: string; status: string }[] = JSON.parse(stdout);
    assert.deepEqual(
      findings.filter(({ status }) => status === 'broken'),
      [],
    );
    assert.equal(findings.length, 9);
    assert.equal(code, 0);
  });

  it('finds a model that is not there, says what to do, and fails', async () => {
    const { code, stdout } = await runCli(['doctor', '--model', 'unheard-of']);
    assert.equal(code, 1);
    assert.match(stdout, /^BROKEN {3}model unheard-of: .*\n +-> .*--model/m);
    assert.match(stdout, /^BROKEN {3}scorer process: /m);
    assert.match(stdout, /^ok {7}native addon: loads/m);
  });

  it('ends without a word when its reader is gone, as in `doctor | head`', async () => {
    const cli = startCli(['doctor']);
    cli.child.stdout?.destroy();
    const { code, stderr } = await cli.ended;
    assert.deepEqual([code, stderr], [0, '']);
  });

  it('asks for a newer Node.js, another platform, larger buffers', () => {
    assert.equal(checkNode('v18.20.0').status, 'broken');
    assert.equal(checkNode('v22.1.0').status, 'ok');
    assert.equal(checkPlatform('darwin', 'arm64').status, 'broken');
    assert.equal(checkPlatform('linux', 'arm64').status, 'warning');
    const alpine = checkPlatform('linux', 'x64', null);
    assert.equal(alpine.status, 'broken');
    assert.match(alpine.advice ?? '', /musl \(Alpine\) is not supported/);
    assert.equal(checkBuffers('4194304\n').status, 'ok');
    const small = checkBuffers('212992\n');
    assert.equal(small.status, 'warning');
    assert.match(small.advice ?? '', /sysctl -w net\.core\.rmem_max=4194304/);
  });

  it('goes on where the system hides something, or a check cannot be made', async () => {
    const hidden = checkBuffersIn('/nowhere/rmem_max');
    assert.equal(hidden.status, 'warning');
    assert.match(hidden.found, /ENOENT.*\/nowhere\/rmem_max/);
    const failed = await findingOf(() => Promise.reject(new Error('no such device')));
    assert.deepEqual([failed.status, failed.found], ['broken', 'no such device']);
  });

  it('tells what is not installed', async () => {
    const mediasoup = await checkMediasoup(tmpdir());
    assert.match(mediasoup.advice ?? '', /npm install mediasoup/);
    const ffmpeg = await checkFfmpeg('/nowhere/ffmpeg');
    assert.match(ffmpeg.advice ?? '', /apt-get install ffmpeg/);
  });
});
