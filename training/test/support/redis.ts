import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket, connect as tcpConnect } from 'node:net';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

/** A real redis-server that keeps nothing on disk. Whoever starts it kills it. */
export class RedisServer {
  readonly port: number;
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it (again): empty. */
  async start(): Promise<void> {
    const parameters = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const process = spawn('redis-server', parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#process = process;
    let said = '';
    for await (const text of process.stdout) {
      said += text;
      if (said.includes('Ready to accept connections')) break;
    }
    if (!said.includes('Ready to accept')) throw new Error(`redis-server did not start: ${said}`);
  }

  /** Without a farewell. */
  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (!process || process.exitCode !== null) return;
    process.kill('SIGKILL');
    await once(process, 'exit');
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Forwards to a port, and can cut all connections and let none through for a while. */
export async function cuttable(port: number): Promise<{ url: string; cut: (ms: number) => Promise<void> }> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const target = tcpConnect(port, '127.0.0.1');
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        target.destroy();
      });
    }
    client.pipe(target).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const cut = async (ms: number) => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
    await sleep(ms);
    isCut = false;
  };
  return { url: `redis://127.0.0.1:${(server.address() as { port: number }).port}`, cut };
}
