import { InferenceSession, Tensor } from '../../../src/model/runtime.ts';

/** Float32 values with their shape. */
export interface Shaped {
  values: Float32Array;
  shape: readonly number[];
}

/** Loads a graph, to be run on one thread. */
export function openGraph(graph: Uint8Array): Promise<InferenceSession> {
  return InferenceSession.create(graph, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
}

export async function runGraph<Name extends string>(
  session: InferenceSession,
  inputs: Readonly<Record<string, Shaped>>,
): Promise<Record<Name, Shaped>> {
  const feeds = Object.entries(inputs).map(([name, { values, shape }]) => [
    name,
    new Tensor('float32', values, [...shape]),
  ]);
  const outputs = await session.run(Object.fromEntries(feeds));
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data, dims }]) => [name, { values: data as Float32Array, shape: dims }]),
  ) as Record<Name, Shaped>;
}
