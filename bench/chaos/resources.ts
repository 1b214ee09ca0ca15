import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startCli } from '../../test/support/cli.ts';
import { RtpSender } from '../../test/support/rtp-sender.ts';
import { opusPackets } from '../../test/support/speech.ts';
import { until } from '../../test/support/waiting.ts';
import type { Finding } from './finding.ts';

/** Standard output of `serve --json` is a device that is always full. */
export async function diskFull(): Promise<Finding[]> {
  const full = openSync('/dev/full', 'w');
  const cli = startCli(['serve', '--port', '0', '--http-port', '0', '--json'], {}, full);
  closeSync(full);
  const [, udp] = await cli.says(/127\.0\.0\.1:(\d+)\n/);
  const [, url] = await cli.says(/(http:\/\/127\.0\.0\.1:\d+)\/mos/);
  const sender = await RtpSender.create({
    port: Number(udp),
    ssrc: 7,
    payloadType: 111,
    payloads: opusPackets('speech/woman-1'),
  });
  sender.start();
  const metric = async (name: string) => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(new RegExp(`^mediasoup_mos_${name}(?:\\{[^}]*\\})? ([\\d.]+)`, 'm').exec(text)?.[1] ?? 0);
  };
  await until('events are lost', async () => (await metric('unwritten_events_total')) >= 3, 30_000);
  const [unwritten, scoredS] = [await metric('unwritten_events_total'), await metric('scored_seconds_total')];
  const { status } = await fetch(`${url}/readyz`);
  await sender.close();
  cli.child.kill('SIGINT');
  const { code } = await cli.ended;
  return [
    {
      fault: 'disk full: `serve --json` to /dev/full',
      promise: 'feeds, metrics and /readyz go on; what could not be written is counted; exit code 0 at the end',
      seen: `${unwritten} events counted, ${scoredS.toFixed(1)} s of talk scored, /readyz ${status}, exit code ${code}`,
      lost: 'lines of standard output',
      kept: unwritten >= 3 && scoredS > 0 && status === 200 && code === 0,
    },
  ];
}

/** The scorer process dies while no file can be opened any more, in a process with few descriptors. */
export async function descriptors(): Promise<Finding[]> {
  const program = fileURLToPath(new URL('./descriptors.ts', import.meta.url));
  const child = spawn('sh', ['-c', `ulimit -n 128; exec "$0" --import tsx "$1"`, process.execPath, program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  return [
    {
      fault: 'descriptors used up (128), scorer: kill -9 meanwhile',
      promise: 'the main process lives; the scorer is back once there are descriptors; it can be closed in between',
      seen: `${output.trim().replaceAll('\n', '; ')}; exit code ${code}`,
      lost: 'scores until descriptors are free',
      kept: code === 0 && output.includes('closed'),
    },
  ];
}
