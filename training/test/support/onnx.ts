import { InferenceSession, Tensor } from 'onnxruntime-node';

/** A graph on one thread. */
export function openGraph(graph: Uint8Array): Promise<InferenceSession> {
  return InferenceSession.create(graph, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
}

export type Outputs = Record<string, { values: Float32Array; shape: number[] }>;

/** Runs a session on float32 inputs. */
export async function runGraph(
  session: InferenceSession,
  inputs: Record<string, { values: Float32Array; shape: number[] }>,
): Promise<Outputs> {
  const feeds = Object.entries(inputs).map(([name, { values, shape }]) => [name, new Tensor('float32', values, shape)]);
  const outputs = await session.run(Object.fromEntries(feeds));
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data, dims }]) => [name, { values: data as Float32Array, shape: [...dims] }]),
  );
}

/** Largest difference of two arrays of the same length. */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((largest, value, n) => Math.max(largest, Math.abs(value - (b[n] as number))), 0);
}
