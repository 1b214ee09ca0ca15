import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { createMosDashboard, type MosDashboard } from '../../plugin/dashboard/dashboard.ts';
import { type Authorize, attachMosNamespace, type MosNamespace, type MosObserver } from '../../plugin/index.ts';
import { listenLocally } from './listen-locally.ts';

/** What opens both the feed and the history. */
export const dashboardToken = 'let-me-in';

/** A platform's server with the dashboard below /quality, and a page of its own that has it in it. */
export interface DashboardSite {
  readonly origin: string;
  readonly dashboard: MosDashboard;
  readonly feed: MosNamespace;
  readonly io: Server;
  /** Where the dashboard shows this. */
  page(fragment?: Record<string, string>): string;
  close(): Promise<void>;
}

/** @param embedding - the document at / */
export async function startDashboardSite(observer: MosObserver, embedding = ''): Promise<DashboardSite> {
  const authorize: Authorize = ({ handshake }) => handshake.auth.token === dashboardToken;
  const dashboard = createMosDashboard({ observers: [observer], basePath: '/quality', authorize });
  const http = createServer((request, response) => {
    if (request.url !== '/') return dashboard.handle(request, response);
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; script-src 'self'; connect-src 'self'; frame-src 'self'",
    });
    response.end(embedding);
  });
  const io = new Server(http, { serveClient: false });
  const feed = attachMosNamespace({ io, observers: [observer], authorize });
  const origin = `http://127.0.0.1:${await listenLocally(http)}`;
  return {
    origin,
    dashboard,
    feed,
    io,
    page: (fragment = {}) => {
      const all = { 'router-id': observer.routerId, token: dashboardToken, ...fragment };
      return `${origin}/quality/#${new URLSearchParams(all)}`;
    },
    close: async () => {
      dashboard.close();
      await io.close();
    },
  };
}
