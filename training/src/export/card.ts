import type { ModelManifest } from '../../../src/model/manifest.ts';

/** The manifest for people. */
export function modelCard(manifest: ModelManifest): string {
  const { name, version, description, licence, form, input, outputs, interval, provenance, accuracy, cost } = manifest;
  const { shortest, longest } = windowSeconds(manifest);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const said = [
    'MOS and its variance',
    ...(outputs.speech ? ['whether somebody speaks'] : []),
    ...(outputs.causes ? [`which of these causes it hears: ${outputs.causes.order.join(', ')}`] : []),
  ];
  const heard = input.kind === 'logmel' ? `${input.mels} log-mel bands` : 'a waveform';
  return `${[
    `# ${name} ${version}`,
    description,
    [
      `- **What the number means**: objective listening quality (ITU-T P.800.1 MOS-LQO, 1 to 5) as the teachers below would estimate it.${input.kind === 'logmel' ? ' No human rating was used in training.' : ''}`,
      `- **Hears** the last ${shortest} to ${longest} s of talk, 16 kHz, as ${heard}. It has no notion of delay.`,
      `- **Form**: ${form === 'streaming' ? 'streaming: each frame is computed once, with a state per stream; pooling and heads run once per score' : 'windowed: every score computes a whole window'}. Opset and file format are stated in the files.`,
      `- **Says** ${said.join('; ')}.`,
      `- **Interval**: the standard deviation is multiplied by ${interval.sigmaScale.toFixed(3)}; the ${percent(interval.coverage)} intervals then hold ${percent(interval.calibration.coverageMeasured)} of ${interval.calibration.n} clips (${interval.calibration.set}) that the factor was not fitted to; without it ${percent(interval.calibration.coverageUncalibrated)}.`,
      ...(interval.panel
        ? [
            `- **Listeners**: the interval is for the MOS of a panel of listeners: a standard deviation of ${interval.panel.sigma.toFixed(2)} between panels is added. Of each rated set, with what the others gave, it holds ${interval.panel.sets.map(({ set, n, coverageLeftOut }) => `${percent(coverageLeftOut)} of ${set} (${n})`).join(', ')}.`,
          ]
        : []),
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

/** Of the sound that a score is of, with two digits. */
function windowSeconds({ input, streaming }: ModelManifest): { shortest: string; longest: string } {
  const text = (value: number, perSecond: number) => (value / perSecond).toFixed(2);
  const between = ({ min, max }: { min: number; max: number }, perSecond: number) => ({
    shortest: text(min, perSecond),
    longest: text(max, perSecond),
  });
  if (input.kind === 'waveform') return between(input.samples, input.sampleRateHz);
  return streaming ? between(streaming.steps.window, 100 / streaming.steps.framesPerStep) : between(input.frames, 100);
}
