import type { types } from 'mediasoup';

/**
 * The transports of a router by now, by the getter that mediasoup keeps for its tests, the only one there is (3.19); undefined
 * with a mediasoup that no longer has it.
 */
export function transportsOf(router: types.Router): types.Transport[] | undefined {
  const { transportsForTesting } = router as { transportsForTesting?: ReadonlyMap<string, types.Transport> };
  return transportsForTesting && [...transportsForTesting.values()];
}
