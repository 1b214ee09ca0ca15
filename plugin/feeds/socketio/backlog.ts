import type { EngineConnection } from './sockets.ts';

export interface BacklogLimits {
  /** As '/mos'. */
  readonly namespace: string;
  /** Above this `onSlow(true)` is called, bytes. */
  readonly slowBytes: number;
  /** Above this `onOverflow` is called, bytes. */
  readonly maxBytes: number;
  readonly onSlow: (slow: boolean) => void;
  /** Called with every packet while it is too much. */
  readonly onOverflow: () => void;
}

/**
 * Watches how much of a namespace waits in this process for one connection to take it. What other namespaces of the
 * connection queue is not counted. engine.io hands its whole queue to the transport whenever the transport has nothing
 * left, so that as much again may be on its way.
 *
 * @returns ends watching
 */
export function watchBacklog(conn: EngineConnection, limits: BacklogLimits): () => void {
  let bytes = 0;
  let slow = false;
  const setSlow = (next: boolean) => {
    if (slow === next) return;
    slow = next;
    limits.onSlow(next);
  };
  const onCreate = ({ data }: { data?: unknown }) => {
    // "2/mos,..." an event, "3/mos,..." an acknowledgement
    if (typeof data !== 'string' || !data.startsWith(`${limits.namespace},`, 1)) return;
    bytes += data.length;
    if (bytes > limits.slowBytes) setSlow(true);
    if (bytes > limits.maxBytes) limits.onOverflow();
  };
  const onFlush = () => {
    bytes = 0;
    setSlow(false);
  };
  conn.on('packetCreate', onCreate);
  conn.on('flush', onFlush);
  return () => {
    conn.off('packetCreate', onCreate);
    conn.off('flush', onFlush);
  };
}
