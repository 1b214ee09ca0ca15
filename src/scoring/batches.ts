/** Lists of at most `size` of those that `keyOf` gives the same key, each list with it: what one run of a network takes. */
export function batchesOf<T>(items: readonly T[], keyOf: (item: T) => number, size: number): [number, T[]][] {
  const byKey = new Map<number, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = byKey.get(key);
    if (group === undefined) byKey.set(key, [item]);
    else group.push(item);
  }
  const batches: [number, T[]][] = [];
  for (const [key, group] of byKey) {
    for (let at = 0; at < group.length; at += size) batches.push([key, group.slice(at, at + size)]);
  }
  return batches;
}
