import type { ModelManifest } from '../../../src/model/manifest.ts';

/** The manifest for people. */
export function modelCard(manifest: ModelManifest): string {
  const { name, version, description, licence, form, input, interval, provenance, accuracy, cost } = manifest;
  if (input.kind !== 'logmel') throw new RangeError('input: students hear log-mel frames');
  const seconds = (frames: number) => (frames / 100).toFixed(2);
  const window = manifest.streaming?.steps.window;
  const perStep = manifest.streaming?.steps.framesPerStep ?? 1;
  const lengths = window ? { min: window.min * perStep, max: window.max * perStep } : input.frames;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const cause = manifest.outputs.causes?.order.join(', ');
  return `${[
    `# ${name} ${version}`,
    description,
    [
      `- **What the number means**: objective listening quality (ITU-T P.800.1 MOS-LQO, 1 to 5) as the teachers below would estimate it. No human rating was used in training.`,
      `- **Hears** the last ${seconds(lengths.min)} to ${seconds(lengths.max)} s of talk, 16 kHz, as ${input.mels} log-mel bands. It has no notion of delay.`,
      `- **Form**: ${form === 'streaming' ? 'streaming: each frame is computed once, with a state per stream; pooling and heads run once per score' : 'windowed: every score computes a whole window'}. Opset and file format are stated in the files.`,
      `- **Says** MOS and its variance, whether somebody speaks, and which of these causes it hears: ${cause}.`,
      `- **Interval**: the standard deviation is multiplied by ${interval.sigmaScale.toFixed(3)}; the ${percent(interval.coverage)} intervals then hold ${percent(interval.calibration.coverageMeasured)} of ${interval.calibration.n} clips (${interval.calibration.set}) that the factor was not fitted to; without it ${percent(interval.calibration.coverageUncalibrated)}.`,
      `- **Cost**: ${cost.parameters} parameters; ${cost.msPerWindow.toFixed(2)} ms per window${cost.msPerAudioSecond === undefined ? '' : `, ${cost.msPerAudioSecond.toFixed(3)} ms per second of audio at one score per second`} (${cost.measuredOn}).`,
      `- **Licence**: ${licence}.`,
    ].join('\n'),
    '## Accuracy',
    ['| set | compared with | n | PCC | SRCC | RMSE |', '|---|---|---|---|---|---|']
      .concat(
        accuracy.map(
          ({ set, reference, n, pcc, srcc, rmse }) =>
            `| ${set} | ${reference} | ${n} | ${pcc.toFixed(3)} | ${srcc.toFixed(3)} | ${rmse.toFixed(3)} |`,
        ),
      )
      .join('\n'),
    '## Made with',
    [
      ...provenance.corpora.map((corpus) => `- ${corpus}`),
      ...provenance.teachers.map((teacher) => `- teacher: ${teacher}`),
      `- ${provenance.notes ?? ''}; seeds ${(provenance.seeds ?? []).join(', ')}; commit ${provenance.commit ?? 'unknown'}`,
    ].join('\n'),
  ].join('\n\n')}\n`;
}
