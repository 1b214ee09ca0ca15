import type { IncomingMessage, ServerResponse } from 'node:http';
import { logger } from '../../src/base/log.ts';
import type { Scorer } from '../../src/index.ts';

const log = logger('health');

/**
 * `loading`: no scorer was added yet, or one that was is still starting. `ready`: all is well. `degraded`: a scorer process
 * died and is being started again; the others go on. `failed`: a scorer could not be started, or one of its processes does
 * not come back (`processfailed`).
 */
export type HealthStatus = 'loading' | 'ready' | 'degraded' | 'failed';

export interface HealthReport {
  readonly status: HealthStatus;
  /** Scorers that run, and that are still starting. */
  readonly scorers: number;
  readonly loading: number;
  /** Scorer processes that are being started again. */
  readonly restarting: number;
  /** Scorer processes that do not come back; they are tried on. */
  readonly failed: number;
}

/**
 * Reports whether scoring goes on, for load balancers and orchestrators.
 *
 * @example
 * const health = new MosHealth();
 * const starting = Scorer.create();
 * health.add(starting);
 * http.createServer((request, response) => {
 *   if (!health.handle(request, response)) response.writeHead(404).end();
 * });
 */
export class MosHealth {
  /** Each running scorer, and how many of its processes are being restarted. */
  readonly #restarting = new Map<Scorer, number>();
  /** And how many of them have failed. */
  readonly #failedProcesses = new Map<Scorer, number>();
  #loading = 0;
  #failed = false;
  #wasReady = false;

  /** A scorer, running or about to. It is forgotten when it closes. */
  add(scorer: Scorer | Promise<Scorer>): void {
    if (!(scorer instanceof Promise)) {
      this.#follow(scorer);
      return;
    }
    this.#loading++;
    scorer
      .then(
        (started) => this.#follow(started),
        (error: Error) => {
          // The caller that started it handles the error: here it is only a fact.
          log.error('a scorer did not start: %s', error.message);
          this.#failed = true;
        },
      )
      .finally(() => this.#loading--);
  }

  get report(): HealthReport {
    const [restarting, failed] = [sum(this.#restarting), sum(this.#failedProcesses)];
    const status = this.#status(restarting, failed);
    return { status, scorers: this.#restarting.size, loading: this.#loading, restarting, failed };
  }

  /**
   * Answers `/healthz` (200 while this process lives) and `/readyz` (200 when ready or degraded, since calls go on and the
   * scorer is back within seconds; else 503), both with the report as JSON.
   *
   * @returns false when the request is for something else, which is then left alone
   */
  handle(request: Pick<IncomingMessage, 'url' | 'method'>, response: ServerResponse): boolean {
    const path = request.url?.split('?')[0];
    if (path !== '/healthz' && path !== '/readyz') return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return true;
    }
    const { report } = this;
    const fine = path === '/healthz' || report.status === 'ready' || report.status === 'degraded';
    response.writeHead(fine ? 200 : 503, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : `${JSON.stringify(report)}\n`);
    return true;
  }

  #status(restarting: number, failed: number): HealthStatus {
    if (this.#failed || failed > 0) return 'failed';
    if (this.#loading > 0 || !this.#wasReady) return 'loading';
    return restarting > 0 ? 'degraded' : 'ready';
  }

  #follow(scorer: Scorer): void {
    if (scorer.closed || this.#restarting.has(scorer)) return;
    this.#wasReady = true;
    this.#restarting.set(scorer, 0);
    const change = (counts: Map<Scorer, number>, by: number) => counts.set(scorer, (counts.get(scorer) ?? 0) + by);
    const onDied = () => change(this.#restarting, 1);
    const onRestarted = () => change(this.#restarting, -1);
    const onFailed = () => change(this.#failedProcesses, 1);
    const onRecovered = () => change(this.#failedProcesses, -1);
    scorer.on('processdied', onDied).on('processrestarted', onRestarted);
    scorer.on('processfailed', onFailed).on('processrecovered', onRecovered);
    scorer.once('close', () => {
      this.#restarting.delete(scorer);
      this.#failedProcesses.delete(scorer);
      scorer.off('processdied', onDied).off('processrestarted', onRestarted);
      scorer.off('processfailed', onFailed).off('processrecovered', onRecovered);
    });
  }
}

const sum = (counts: ReadonlyMap<Scorer, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);
