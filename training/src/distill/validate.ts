import { auc, decide, f1, falseAlarmRate, mean, pcc, rmse } from '../evaluate/statistics.ts';
import type { Network } from '../student/network.ts';
import type { WindowConfiguration } from './configuration.ts';
import type { DataSet } from './data-set.ts';
import { type Prediction, predict } from './predict.ts';
import { type Batch, type ClipData, type InputShape, layOut, type SequencePlan } from './windows.ts';

/** How well a network does on clips of speakers that it was not trained on. */
export interface Validation {
  /** Against the teacher: each clip on its own ... */
  pcc: number;
  rmse: number;
  /** ... and as a part of a call: after other sound, gains fixed on arrival. */
  pccInCall: number;
  rmseInCall: number;
  /** Share of the teacher's values within 1.645 standard deviations. */
  coverage: number;
  /** Of the decision per step that somebody speaks, at probability 0.5. */
  speechF1: number;
  speechFalseAlarms: number;
  /** Mean over the causes. */
  causeAuc: number;
}

export const validationNames = [
  'pcc',
  'rmse',
  'pccInCall',
  'rmseInCall',
  'coverage',
  'speechF1',
  'speechFalseAlarms',
  'causeAuc',
] as const satisfies readonly (keyof Validation)[];

/** What the best checkpoint is chosen by, the lower the better: the errors of both forms. */
export function selectionOf({ rmse: alone, rmseInCall }: Validation): number {
  return Math.hypot(alone, rmseInCall) / Math.SQRT2;
}

export function validate(network: Network, data: DataSet, windows: WindowConfiguration, shape: InputShape): Validation {
  const truths: { clip: Omit<ClipData, 'logMel'>; batch: Batch; row: number }[] = [];
  const alone: Prediction[] = [];
  const inCall: Prediction[] = [];
  for (const clips of groupsOfEqualLength(data, shape, 16)) {
    const batch = layOutAlone(clips, windows, shape);
    alone.push(...predict(network, batch));
    inCall.push(...predict(network, layOutInCall(clips, windows, shape)));
    truths.push(
      ...clips.map((clip, row) => ({ clip: { ...clip, logMel: undefined }, batch: { ...batch, logMel: none }, row })),
    );
  }
  const rated = truths.flatMap(({ clip, batch, row }, index) =>
    batch.mosKnown[row] === 1 ? [{ index, mos: clip.mos as number }] : [],
  );
  const teacher = rated.map(({ mos }) => mos);
  const scores = (predictions: readonly Prediction[]) =>
    rated.map(({ index }) => (predictions[index] as Prediction).mos);
  const inside = rated.map(({ index, mos }) => {
    const { mos: score, logVariance } = alone[index] as Prediction;
    return Number(Math.abs(score - mos) <= 1.645 * Math.exp(logVariance / 2));
  });
  const speech = speechPairs(truths, alone);
  const decisions = decide(speech.said, speech.is, 0.5);
  return {
    pcc: pcc(scores(alone), teacher),
    rmse: rmse(scores(alone), teacher),
    pccInCall: pcc(scores(inCall), teacher),
    rmseInCall: rmse(scores(inCall), teacher),
    coverage: mean(inside),
    speechF1: f1(decisions),
    speechFalseAlarms: falseAlarmRate(decisions),
    causeAuc: meanCauseAuc(
      truths.map(({ clip }) => clip.causes),
      alone,
    ),
  };
}

const none = new Float32Array(0);

/** Each clip on its own, normalised by its peak. */
export function layOutAlone(clips: readonly ClipData[], windows: WindowConfiguration, shape: InputShape): Batch {
  const plans = clips.map((clip) => plan(clip, clip, clips, shape, { kind: 'window' }));
  return layOut(plans, (plans[0] as SequencePlan).length, windows, shape);
}

/** Each clip after as much of the next one, gains fixed on arrival. */
export function layOutInCall(clips: readonly ClipData[], windows: WindowConfiguration, shape: InputShape): Batch {
  const plans = clips.map((clip, row) =>
    plan(clip, clips[(row + 1) % clips.length] as ClipData, clips, shape, {
      kind: 'arrival',
      firstFrames: windows.arrivalFrames,
    }),
  );
  return layOut(plans, 2 * (plans[0] as SequencePlan).length, windows, shape);
}

function plan(
  clip: ClipData,
  before: ClipData,
  clips: readonly ClipData[],
  { framesPerStep }: InputShape,
  gain: SequencePlan['gain'],
): SequencePlan {
  const shortest = Math.min(...clips.map(({ peaks }) => peaks.length));
  const length = Math.floor(shortest / framesPerStep) * framesPerStep;
  return { clip, before, length, start: clip.peaks.length - length, gain, gainDb: 0 };
}

/** Clips whose lengths are equal in steps, at most `limit` at a time; what has no step is left out. */
function* groupsOfEqualLength(data: DataSet, { framesPerStep }: InputShape, limit: number): Generator<ClipData[]> {
  const open = new Map<number, ClipData[]>();
  for (const clip of data.clips()) {
    const steps = Math.floor(clip.peaks.length / framesPerStep);
    if (steps === 0) continue;
    const group = [...(open.get(steps) ?? []), clip];
    open.set(steps, group);
    if (group.length < limit) continue;
    yield group;
    open.delete(steps);
  }
  yield* open.values();
}

function speechPairs(truths: readonly { batch: Batch; row: number }[], predictions: readonly Prediction[]) {
  const [said, is]: [number[], number[]] = [[], []];
  for (const [index, { batch, row }] of truths.entries()) {
    const { speech } = predictions[index] as Prediction;
    for (let step = 0; step < batch.steps; step++) {
      const at = row * batch.steps + step;
      if (batch.speechKnown[at] !== 1) continue;
      said.push(speech[step] as number);
      is.push(batch.speech[at] as number);
    }
  }
  return { said, is };
}

/** Causes that all clips have, or none, have no area. */
function meanCauseAuc(truths: readonly (readonly number[] | null)[], predictions: readonly Prediction[]): number {
  const known = truths.flatMap((causes, index) =>
    causes ? [{ causes, said: (predictions[index] as Prediction).causes }] : [],
  );
  const count = known[0]?.causes.length ?? 0;
  const areas = Array.from({ length: count }, (_, cause) =>
    auc(
      known.map(({ said }) => said[cause] as number),
      known.map(({ causes }) => causes[cause] as number),
    ),
  );
  return mean(areas.filter((area) => !Number.isNaN(area)));
}
