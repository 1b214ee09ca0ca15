import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import { runCli, startCli } from '../support/cli.ts';
import { clipPath } from '../support/clips.ts';

const folder = mkdtempSync(join(tmpdir(), 'mos-score-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

/** Makes a file with ffmpeg, as its user would. */
const convert = (name: string, ...options: string[]) =>
  execFileSync('ffmpeg', ['-v', 'error', '-i', clipPath('speech/woman-1'), ...options, at(name)]);

const codes = { ok: 0, failed: 1, usage: 2, partly: 3, interrupted: 130 };

describe('mediasoup-mos score', () => {
  before(() => {
    mkdirSync(at('calls/inner'), { recursive: true });
    copyFileSync(clipPath('speech/woman-1'), at('calls/plain.wav'));
    copyFileSync(clipPath('golden/0041'), at('calls/inner/poor.wav'));
    writeFileSync(at('calls/notes.txt'), 'no recording');
  });

  it('scores a recording, and a bad one lower', async () => {
    const { code, stdout } = await runCli(['score', '--format', 'json', '--recursive', at('calls')]);
    assert.equal(code, codes.ok);
    const results = JSON.parse(stdout);
    assert.deepEqual(
      results.map(({ file }: { file: string }) => file),
      [at('calls/inner/poor.wav'), at('calls/plain.wav')],
    );
    const [poor, plain] = results;
    assert.ok(plain.report.mosLqo > 3 && plain.report.mosLqo <= 5, `${plain.report.mosLqo}`);
    assert.ok(poor.report.mosLqo < plain.report.mosLqo - 1, `${poor.report.mosLqo}`);
    assert.ok(Math.abs(plain.seconds - 12.66) < 0.01);
  });

  for (const model of ['nano', 'small', 'large']) {
    it(`scores with ${model} by name`, async () => {
      const { code, stdout } = await runCli(['score', '--model', model, '-f', 'json', '-r', at('calls')]);
      assert.equal(code, codes.ok);
      const [poor, plain] = JSON.parse(stdout);
      assert.deepEqual(
        plain.report.models.map(({ name }: { name: string }) => name),
        [model],
      );
      assert.ok(poor.report.mosLqo < plain.report.mosLqo - 1, `${poor.report.mosLqo} and ${plain.report.mosLqo}`);
    });
  }

  it('gives a curve with a point for each second: a score with its interval, or a reason', async () => {
    const { stdout } = await runCli(['score', '--format', 'json', at('calls/plain.wav')]);
    const [{ curve }] = JSON.parse(stdout);
    assert.deepEqual(
      curve.map(({ second }: { second: number }) => second),
      Array.from({ length: 13 }, (_, second) => second),
    );
    assert.equal(curve[0].reason, 'too-short');
    assert.doesNotMatch(stdout, /\d\.\d{4}/);
    const { mosLqo, lower, upper, reason } = curve[12];
    assert.ok(lower < mosLqo && mosLqo < upper && reason === undefined);
  });

  it('decodes what ffmpeg knows, at any rate and number of channels', async () => {
    mkdirSync(at('kinds'));
    convert('kinds/a.opus', '-c:a', 'libopus', '-b:a', '64k');
    convert('kinds/b.mp3', '-c:a', 'libmp3lame', '-b:a', '64k');
    convert('kinds/c.flac', '-ar', '48000');
    convert('kinds/d.wav', '-ar', '44100', '-ac', '2');
    const { code, stdout } = await runCli(['score', '--format', 'csv', at('kinds')]);
    assert.equal(code, codes.ok);
    const rows: Record<string, string>[] = parse(stdout, { columns: true });
    assert.equal(rows.length, 4);
    for (const { file, mosLqo, seconds } of rows) {
      assert.ok(Number(mosLqo) > 3, `${file}: ${mosLqo}`);
      assert.ok(Math.abs(Number(seconds) - 12.66) < 0.1, `${file}: ${seconds}`);
    }
  });

  it('reads plain WAV of 16 kHz without ffmpeg, and says what to install for the rest', async () => {
    convert('e24.wav', '-c:a', 'pcm_s24le');
    convert('f32.wav', '-c:a', 'pcm_f32le');
    const { code, stdout, stderr } = await runCli(
      ['score', '-f', 'csv', at('calls/plain.wav'), at('e24.wav'), at('f32.wav'), at('kinds/c.flac')],
      { PATH: '/nowhere' },
    );
    assert.equal(code, codes.partly);
    const rows: Record<string, string>[] = parse(stdout, { columns: true });
    assert.equal(new Set(rows.slice(0, 3).map(({ mosLqo }) => mosLqo)).size, 1);
    assert.match(rows[3]?.fault ?? '', /ffmpeg is not installed.*apt-get install ffmpeg/);
    assert.match(stderr, /1 of 4 files could not be scored:\n {2}.*c\.flac: ffmpeg is not installed/);
  });

  it('scores the channel that is asked for', async () => {
    const left = '[0:a]apad=pad_dur=0[l];[1:a]anull[r];[l][r]join=inputs=2:channel_layout=stereo';
    execFileSync('ffmpeg', [
      ...['-v', 'error', '-i', clipPath('speech/woman-1'), '-i', clipPath('golden/0041')],
      ...['-filter_complex', left, at('two.wav')],
    ]);
    const mosOf = async (channel: string) => {
      const { stdout } = await runCli(['score', '-f', 'json', '--channel', channel, at('two.wav')]);
      return JSON.parse(stdout)[0].report?.mosLqo;
    };
    const [clean, poor] = [await mosOf('1'), await mosOf('2')];
    assert.ok(clean > 3 && poor < clean - 1, `${clean}, ${poor}`);
    const all = await runCli(['score', '-f', 'json', '--channel', 'all', '--plot', at('both'), at('two.wav')]);
    const both: { channel: number; report: { mosLqo: number } }[] = JSON.parse(all.stdout);
    assert.deepEqual(
      both.map(({ channel, report }) => [channel, report.mosLqo]),
      [
        [1, clean],
        [2, poor],
      ],
    );
    assert.doesNotMatch(all.stderr, /only channel/);
    assert.equal(readdirSync(at('both')).length, 2);
    const { stdout: table } = await runCli(['score', '--channel', 'all', at('two.wav')]);
    assert.match(table, /two\.wav, channel 2/);
    const { code, stderr } = await runCli(['score', '--channel', '3', at('two.wav')]);
    assert.equal(code, codes.failed);
    assert.match(stderr, /has 2 channels: there is no channel 3/);
  });

  it('says why a recording has no score', async () => {
    execFileSync('ffmpeg', [
      '-v',
      'error',
      '-f',
      'lavfi',
      '-i',
      'anullsrc=r=16000:cl=mono',
      '-t',
      '4',
      at('silent.wav'),
    ]);
    convert('short.wav', '-t', '0.3');
    const { code, stdout } = await runCli(['score', '-f', 'csv', at('silent.wav'), at('short.wav')]);
    assert.equal(code, codes.ok);
    const rows: Record<string, string>[] = parse(stdout, { columns: true });
    assert.deepEqual(
      rows.map(({ mosLqo, reason }) => [mosLqo, reason]),
      [
        ['', 'silence'],
        ['', 'too-short'],
      ],
    );
  });

  for (const model of ['nano', 'small', 'large']) {
    it(`scores half a second of speech and more with ${model}, with a wider interval`, async () => {
      mkdirSync(at(model));
      for (const seconds of [0.9, 1.2, 2, 4]) convert(`${model}/${seconds}.wav`, '-ss', '0.5', '-t', String(seconds));
      const { code, stdout } = await runCli(['score', '-m', model, '-f', 'json', at(model)]);
      assert.equal(code, codes.ok);
      const widths: number[] = JSON.parse(stdout).map(({ report, curve }: never) => {
        const { mosLqo, scores } = report as { mosLqo: number; scores: number };
        assert.ok(scores >= 1 && mosLqo > 3, `${mosLqo}`);
        const { lower, upper } = (curve as { lower: number; upper: number }[]).at(-1) as never;
        return upper - lower;
      });
      assert.ok((widths[0] as number) > (widths[3] as number), widths.join());
    });
  }

  it('never scores noise without speech, however short', async () => {
    mkdirSync(at('noises'));
    for (const clip of ['noise/kitchen', 'noise/tap'] as const) {
      for (const seconds of [0.6, 1, 2, 4, 30]) {
        const name = `noises/${clip.slice(6)}-${seconds}.wav`;
        execFileSync('ffmpeg', ['-v', 'error', '-i', clipPath(clip), '-t', String(seconds), at(name)]);
      }
    }
    const { stdout } = await runCli(['score', '-f', 'csv', at('noises')]);
    for (const { file, mosLqo } of parse(stdout, { columns: true }) as Record<string, string>[]) {
      assert.equal(mosLqo, '', file);
    }
  });

  it('scores WAV files that are a little off, and notes what is odd', async () => {
    mkdirSync(at('odd'));
    const plain = readFileSync(clipPath('speech/woman-1'));
    const withLength = (length: number) => {
      const wav = Buffer.from(plain);
      wav.writeUInt32LE(length, 40);
      return wav;
    };
    for (const length of [0x7ffff000, 0x7fffffff, 0xffffffff])
      writeFileSync(at(`odd/${length}.wav`), withLength(length));
    writeFileSync(at('odd/header.wav'), withLength(plain.readUInt32LE(40) + 44));
    const oddChunk = Buffer.concat([Buffer.from('note'), Buffer.from([3, 0, 0, 0]), Buffer.from('abc')]);
    writeFileSync(at('odd/nopad.wav'), Buffer.concat([plain.subarray(0, 36), oddChunk, plain.subarray(36)]));
    convert('scaled.wav', '-af', 'volume=32768:precision=float', '-c:a', 'pcm_f32le');
    copyFileSync(at('scaled.wav'), at('odd/scaled.wav'));
    const { code, stdout, stderr } = await runCli(['score', '-f', 'csv', at('odd'), at('calls/plain.wav')]);
    assert.equal(code, codes.ok);
    const rows: Record<string, string>[] = parse(stdout, { columns: true });
    assert.equal(rows.length, 7);
    for (const { file, mosLqo } of rows) {
      assert.ok(Math.abs(Number(mosLqo) - Number(rows[6]?.mosLqo)) < 0.01, `${file}: ${mosLqo}`);
    }
    assert.equal(stderr.match(/states no length/g)?.length, 3);
    assert.match(stderr, /header\.wav: its header states \d+ bytes of samples, \d+ are there/);
    assert.match(stderr, /nopad\.wav: its 'note' chunk of odd length has no pad byte/);
    assert.match(stderr, /scaled\.wav: its float samples have the range of 16-bit integers: scaled/);
  });

  it('takes odd WAV files of other rates and samples alike', async () => {
    mkdirSync(at('rates'));
    const plain = readFileSync(clipPath('speech/woman-1'));
    // A length of which a byte could be a letter of a name.
    const bytes = 0x60_020;
    const oddChunk = Buffer.concat([Buffer.from('note'), Buffer.from([3, 0, 0, 0]), Buffer.from('abc')]);
    const cut = Buffer.concat([plain.subarray(0, 36), oddChunk, plain.subarray(36, 44 + bytes)]);
    cut.writeUInt32LE(bytes, 36 + oddChunk.length + 4);
    writeFileSync(at('rates/letter.wav'), cut);
    convert('rates/scaled-48.wav', '-ar', '48000', '-af', 'volume=32768:precision=float', '-c:a', 'pcm_f32le');
    convert('rates/scaled-double.wav', '-af', 'volume=32768:precision=double', '-c:a', 'pcm_f64le');
    const piped = ['-v', 'error', '-i', clipPath('speech/woman-1'), '-ar', '8000', '-ac', '2', '-f', 'wav', 'pipe:1'];
    writeFileSync(at('rates/piped-8.wav'), execFileSync('ffmpeg', piped));
    const { code, stdout, stderr } = await runCli(['score', '-f', 'csv', at('rates')]);
    assert.equal(code, codes.ok, stderr);
    const rows: Record<string, string>[] = parse(stdout, { columns: true });
    assert.equal(rows.length, 4);
    for (const { file, mosLqo, seconds } of rows) {
      assert.ok(Number(mosLqo) > (/piped/.test(file as string) ? 2.5 : 3), `${file}: ${mosLqo}`);
      assert.ok(Math.abs(Number(seconds) - 12.5) < 0.3, `${file}: ${seconds}`);
    }
    assert.match(stderr, /piped-8\.wav: its header states no length/);
    assert.equal(stderr.match(/have the range of 16-bit integers/g)?.length, 2);
    const still = Buffer.from(plain);
    still.writeUInt32LE(0, 24);
    writeFileSync(at('still.wav'), still);
    const { stderr: rate } = await runCli(['score', at('still.wav')]);
    assert.match(rate, /states a sample rate of 0 Hz/);
  });

  it('scores what can be decoded of a damaged file, and names channels that were left out or are not there', async () => {
    convert('two.mp3', '-ac', '2', '-c:a', 'libmp3lame');
    const damaged = readFileSync(at('two.mp3'));
    const middle = Math.floor(damaged.length / 2);
    damaged.fill(0, middle, middle + 300);
    writeFileSync(at('damaged.mp3'), damaged);
    const { code, stdout, stderr } = await runCli(['score', '-f', 'json', at('damaged.mp3')]);
    assert.equal(code, codes.ok);
    const [{ report, notes }] = JSON.parse(stdout);
    assert.ok(report.mosLqo > 3, `${report.mosLqo}`);
    assert.equal(notes[0], 'only channel 1 of 2 was scored');
    assert.match(notes[1], /^parts of it could not be decoded and were left out/);
    assert.match(stderr, /damaged\.mp3: only channel 1 of 2/);
    convert('mono.flac');
    const missing = await runCli(['score', '--channel', '2', at('mono.flac')]);
    assert.equal(missing.code, codes.failed);
    assert.match(missing.stderr, /has 1 channel: there is no channel 2/);
  });

  it('lists bad files and goes on', async () => {
    mkdirSync(at('bad'));
    writeFileSync(at('bad/empty.mp3'), '');
    writeFileSync(at('bad/words.wav'), 'these are no samples');
    writeFileSync(at('bad/headless.wav'), 'RIFF....WAVE');
    writeFileSync(at('bad/cut.wav'), readFileSync(clipPath('speech/woman-1')).subarray(0, 20_000));
    copyFileSync(at('calls/plain.wav'), at('bad/good.wav'));
    const { code, stdout, stderr } = await runCli(['score', at('bad')]);
    assert.equal(code, codes.partly);
    assert.match(stdout, /good\.wav/);
    assert.match(stderr, /4 of 5 files could not be scored/);
    assert.match(stderr, /cut\.wav: is cut off: 19956 of \d+ bytes/);
    assert.match(stderr, /headless\.wav: is a WAV file without samples/);
    const { code: none } = await runCli(['score', at('bad/empty.mp3')]);
    assert.equal(none, codes.failed);
  });

  it('writes a file and plots', async () => {
    const { code, stdout } = await runCli([
      ...['score', '--curve', '-f', 'csv', '-o', at('out/scores.csv'), '-p', at('plots'), at('calls/plain.wav')],
    ]);
    assert.equal(code, codes.ok);
    assert.equal(stdout, '');
    const rows = parse(readFileSync(at('out/scores.csv'), 'utf8'), { columns: true });
    assert.equal(rows.length, 13);
    const [plot] = readdirSync(at('plots'));
    assert.match(plot ?? '', /calls_plain\.wav\.svg$/);
    assert.match(readFileSync(join(at('plots'), plot as string), 'utf8'), /^<svg .*<polyline .*<\/svg>\n$/s);
  });

  it('ends in order at Ctrl-C', async () => {
    const many = Array.from({ length: 300 }, (_, index) => at(`many/${index}.wav`));
    mkdirSync(at('many'));
    for (const file of many) copyFileSync(at('calls/plain.wav'), file);
    const cli = startCli(['score', '-f', 'csv', '-o', at('many.csv'), at('many')]);
    await cli.says(/score .*%/);
    cli.child.kill('SIGINT');
    const { code, stderr } = await cli.ended;
    assert.equal(code, codes.interrupted);
    assert.match(stderr, /interrupted: \d+ of 300 files were looked at/);
    assert.ok(existsSync(at('many.csv')));
  });

  it('wrong arguments are named', async () => {
    for (const [args, message] of [
      [['score'], /missing required argument 'paths'/],
      [['score', at('nothing')], /nothing: no such file or folder/],
      [['score', '--format', 'xml', at('calls')], /Allowed choices are table, csv, json/],
      [['score', '--jobs', '0', at('calls')], /must be a whole number from 1 to 256/],
      [['score', '--colour', at('calls')], /unknown option '--colour'/],
      [['scoer', at('calls')], /unknown command 'scoer'/],
    ] as const) {
      const { code, stderr } = await runCli(args);
      assert.equal(code, codes.usage, args.join(' '));
      assert.match(stderr, message);
    }
    const { code, stderr } = await runCli(['score', '--model', 'unheard-of', at('calls')]);
    assert.equal(code, codes.failed);
    assert.match(stderr, /^mediasoup-mos: .*unheard-of/m);
  });

  it('has help for every command', async () => {
    const { stdout } = await runCli(['--help']);
    for (const name of ['score', 'listen', 'serve', 'models', 'doctor']) {
      assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'));
      const { code, stdout: help } = await runCli([name, '--help']);
      assert.equal(code, codes.ok);
      assert.match(help, new RegExp(`^Usage: mediasoup-mos ${name} `));
    }
  });
});
