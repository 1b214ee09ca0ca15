import { join } from 'node:path';
import { evaluate } from '../evaluate/evaluate.ts';
import type { Result } from '../evaluate/result.ts';
import { type ExportedModel, precisions } from '../export/export.ts';
import { exportTrained } from '../export/export-trained.ts';
import type { Form } from '../export/manifest.ts';
import { writeAtomically } from '../run/files.ts';
import type { Progress } from '../run/progress.ts';
import { RunFolder } from '../run/run-folder.ts';

export interface QuantizeOptions {
  out: string;
  /** Run folder of `distill` or `prune`, or manifest of a model. */
  model: string;
  /** Run folders of `teach` by which intervals and the ranges of activations are set. */
  calibration: readonly string[];
  /** Run folders of `teach` that the models are compared on. */
  taught: readonly string[];
  forms: readonly Form[];
  /** Of the intervals. */
  coverage: number;
  /** Share of the calibration clips whose activations 8-bit numbers reach wholly. */
  rangeShare: number;
  seed: number;
  progress?: Progress;
}

/**
 * Writes a network in float and with 8-bit convolutions and products: weights with a scale per output, activations with
 * one that is calibrated. Both are evaluated, and stand beside each other in `report.md`, which is returned. Models are in
 * `models/`, the evaluation in `evaluation/`.
 */
export async function quantize(options: QuantizeOptions): Promise<string> {
  const { out, model, calibration, taught, forms, coverage, rangeShare, seed, progress } = options;
  const configuration = { model, calibration, taught, forms, coverage, rangeShare };
  const run = RunFolder.open({ path: out, verb: 'quantize', seed, configuration });
  const models = await exportTrained({
    ...{ out: run.file('models'), student: model, calibration, forms, precisions, coverage, rangeShare, seed },
    ...{ version: '0.1.0', licence: 'MIT' },
  });
  const results = await evaluate({
    ...{ out: run.file('evaluation'), models: models.map(({ name }) => join(run.file('models'), `${name}.json`)) },
    ...{ taught, rated: [], teachers: [], seed, ...(progress ? { progress } : {}) },
  });
  const table = comparison(models, results);
  writeAtomically(run.file('report.md'), table);
  run.finish();
  return table;
}

/** A line per model and set: quality with its bootstrap interval, and cost. */
function comparison(models: readonly ExportedModel[], results: readonly Result[]): string {
  const header = ['model', 'set', 'PCC', 'RMSE', 'largest difference', 'KiB', 'ms per second of audio', 'libopus'];
  const lines = models.flatMap(({ name, difference, bytes, msPerAudioSecond, opusMsPerAudioSecond }) =>
    results
      .filter(({ scorer }) => scorer === name)
      .map(({ set, perFile: { pcc, rmse } }) => [
        ...[name, set],
        ...[pcc, rmse].map(({ value, low, high }) => `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`),
        ...[difference.toExponential(1), String(Math.round(bytes / 1024))],
        ...[msPerAudioSecond, opusMsPerAudioSecond].map((ms) => ms.toFixed(3)),
      ]),
  );
  return `${[header, header.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}
