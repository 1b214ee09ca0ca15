import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';

/** A Redis server of the test's own, on a socket in a folder of its own. */
export class RedisServer {
  readonly #folder: string;
  readonly #persistent: boolean;
  #process: ChildProcess | undefined;

  private constructor(folder: string, persistent: boolean) {
    this.#folder = folder;
    this.#persistent = persistent;
  }

  /** @param persistent - whether it has its data again after it was killed */
  static async start({ persistent = false } = {}): Promise<RedisServer> {
    const server = new RedisServer(await mkdtemp(join(tmpdir(), 'mos-redis-')), persistent);
    await server.start();
    return server;
  }

  get path(): string {
    return join(this.#folder, 'redis.sock');
  }

  /** Options of a client. */
  get clientOptions() {
    return { socket: { path: this.path, tls: false as const, reconnectStrategy: () => 50 } };
  }

  async start(): Promise<void> {
    const persistence = ['--save', '', '--appendonly', this.#persistent ? 'yes' : 'no', '--dir', this.#folder];
    const child = spawn('redis-server', ['--port', '0', '--unixsocket', this.path, ...persistence], { stdio: 'pipe' });
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    await Promise.race([
      once(child, 'exit').then(() => Promise.reject(new Error(`redis-server ended: ${output}`))),
      this.#answers(),
    ]);
    this.#process = child;
  }

  /** As a crash does it. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Stops answering, without a word; what is returned makes it go on. */
  freeze(): () => void {
    this.#process?.kill('SIGSTOP');
    return () => this.#process?.kill('SIGCONT');
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #answers(): Promise<void> {
    const client = createClient(this.clientOptions);
    client.on('error', () => {}); // not there yet
    await client.connect();
    await client.ping();
    client.destroy();
  }
}
