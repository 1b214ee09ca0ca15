import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GraphBuilder } from '../src/onnx/graph.ts';
import { openGraph, runGraph, type Shaped } from '../src/onnx/session.ts';
import { splitGraph } from '../src/onnx/split.ts';

/** (x squared) + (x + 1) times `late`. */
function twoInputs(): Uint8Array {
  const graph = new GraphBuilder('two');
  const [x, late] = [graph.input('x', [3]), graph.input('late', [3])];
  const scaled = graph.node('Mul', [graph.node('Add', [x, graph.scalar(1)]), late]);
  graph.output('y', graph.node('Add', [graph.node('Mul', [x, x]), scaled]), [3]);
  return graph.build();
}

const three = (...values: number[]): Shaped => ({ values: Float32Array.from(values), shape: [3] });

describe('a network split at an input', () => {
  it('gives in two parts what it gives whole, the first computed once', async () => {
    const whole = await openGraph(twoInputs());
    const { before, after } = splitGraph(twoInputs(), 'late');
    const [first, second] = [await openGraph(before), await openGraph(after)];
    assert.deepEqual(first.inputNames, ['x']);
    assert.equal(first.outputNames.length, 2);
    const x = three(1, -2, 3);
    const shared = await runGraph(first, { x });
    for (const late of [three(0, 0, 0), three(1, 2, 3), three(-0.5, 7, 2)]) {
      const { y } = await runGraph<'y'>(second, { ...shared, late });
      assert.deepEqual(y.values, (await runGraph<'y'>(whole, { x, late })).y.values);
    }
  });

  it('is refused where there is no such input, or nothing to share', () => {
    assert.throws(() => splitGraph(twoInputs(), 'other'), /no input "other"/);
    const graph = new GraphBuilder('one');
    graph.output('y', graph.node('Neg', [graph.input('late', [3])]), [3]);
    assert.throws(() => splitGraph(graph.build(), 'late'), /cannot be split at its input "late"/);
  });
});
