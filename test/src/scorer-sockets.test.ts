import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Scorer } from '../../src/index.ts';

/** Inodes of the sockets that a process has open. */
function socketsOf(pid: number): Set<string> {
  const links = readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

/** The fields of each of these sockets in a table of /proc/net. `inodeAt`: which of them is the inode. */
function rows(table: string, inodes: ReadonlySet<string>, inodeAt: number): string[][] {
  const lines = readFileSync(`/proc/net/${table}`, 'utf8').trim().split('\n').slice(1);
  return lines.map((line) => line.trim().split(/\s+/)).filter((fields) => inodes.has(fields[inodeAt] as string));
}

const loopback = '0100007F';
/** `__SO_ACCEPTCON`: it waits for connections. */
const listening = 0x10000;

describe('a scorer process', { skip: process.platform !== 'linux' }, () => {
  it('can be reached by RTP on loopback and by its parent, and not otherwise', async () => {
    const scorer = await Scorer.create({ sockets: 2 });
    try {
      const { pid, sockets } = (await scorer.getStats()).processes[0] ?? {};
      const inodes = socketsOf(pid as number);
      const udp = rows('udp', inodes, 9).map((fields) => (fields[1] as string).split(':'));
      assert.deepEqual(
        udp.map(([address]) => address),
        [loopback, loopback],
      );
      const ports = udp.map(([, port]) => Number.parseInt(port as string, 16)).sort();
      assert.deepEqual(ports, sockets?.map(({ port }) => port).sort());
      for (const table of ['tcp', 'tcp6', 'udp6', 'raw', 'packet']) {
        assert.deepEqual(rows(table, inodes, table === 'packet' ? 8 : 9), [], table);
      }
      const waiting = rows('unix', inodes, 6).filter(
        ([, , , flags]) => Number.parseInt(flags as string, 16) & listening,
      );
      assert.deepEqual(waiting, []);
    } finally {
      await scorer.close();
    }
  });
});
