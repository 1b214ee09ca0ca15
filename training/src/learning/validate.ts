import { auc, decide, f1, falseAlarmRate, mean, pcc, rmse } from '../statistics/statistics.ts';
import type { Network } from '../student/network.ts';
import type { TrainingConfiguration, WindowConfiguration } from './configuration.ts';
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

/** What the best checkpoint is chosen by, the lower the better: the errors of both forms, or of what alone is trained. */
export function selectionOf(
  { rmse: alone, rmseInCall, speechF1 }: Validation,
  only?: TrainingConfiguration['only'],
): number {
  return only === 'speech' ? 1 - speechF1 : Math.hypot(alone, rmseInCall) / Math.SQRT2;
}

/** A clip, what is known of it, and what a network says of it. */
export interface Predicted {
  /** Place among the clips of the data set. */
  place: number;
  mos: number | null;
  causes: readonly number[] | null;
  /** For each step: whether somebody speaks; null where it is not known. */
  speech: (0 | 1 | null)[];
  /** On its own, and as a part of a call: after other sound, gains fixed on arrival. */
  alone: Prediction;
  inCall: Prediction;
}

/** Runs a network on every clip that has a step. */
export function predictAll(
  network: Network,
  data: DataSet,
  windows: WindowConfiguration,
  shape: InputShape,
): Predicted[] {
  const all: Predicted[] = [];
  for (const group of groupsOfEqualLength(data, shape, 16)) {
    const clips = group.map(({ clip }) => clip);
    const batch = layOutAlone(clips, windows, shape);
    const alone = predict(network, batch);
    const inCall = predict(network, layOutInCall(clips, windows, shape));
    for (const [row, { place, clip }] of group.entries()) {
      const speech = Array.from({ length: batch.steps }, (_, step) => {
        const at = row * batch.steps + step;
        return batch.speechKnown[at] === 1 ? (batch.speech[at] as 0 | 1) : null;
      });
      const mos = batch.mosKnown[row] === 1 ? clip.mos : null;
      all.push({
        place,
        mos,
        causes: clip.causes,
        speech,
        alone: alone[row] as Prediction,
        inCall: inCall[row] as Prediction,
      });
    }
  }
  return all.sort((a, b) => a.place - b.place);
}

export function validate(network: Network, data: DataSet, windows: WindowConfiguration, shape: InputShape): Validation {
  return summarise(predictAll(network, data, windows, shape));
}

/** The figures of a validation. */
export function summarise(all: readonly Predicted[]): Validation {
  const rated = all.filter(({ mos }) => mos !== null);
  const teacher = rated.map(({ mos }) => mos as number);
  const [alone, inCall] = [rated.map((clip) => clip.alone.mos), rated.map((clip) => clip.inCall.mos)];
  const inside = rated.map(({ alone: { mos, logVariance } }, index) =>
    Number(Math.abs(mos - (teacher[index] as number)) <= 1.645 * Math.exp(logVariance / 2)),
  );
  const { said, is } = speechPairs(all);
  const decisions = decide(said, is, 0.5);
  return {
    pcc: pcc(alone, teacher),
    rmse: rmse(alone, teacher),
    pccInCall: pcc(inCall, teacher),
    rmseInCall: rmse(inCall, teacher),
    coverage: mean(inside),
    speechF1: f1(decisions),
    speechFalseAlarms: falseAlarmRate(decisions),
    causeAuc: mean(causeAreas(all).filter((area) => !Number.isNaN(area))),
  };
}

/** Probabilities and truth of all steps of which it is known whether somebody speaks. */
export function speechPairs(all: readonly Predicted[]): { said: number[]; is: number[] } {
  const [said, is]: [number[], number[]] = [[], []];
  for (const { speech, alone } of all) {
    for (const [step, truth] of speech.entries()) {
      if (truth === null) continue;
      said.push(alone.speech[step] as number);
      is.push(truth);
    }
  }
  return { said, is };
}

/** The area under the curve of each cause; NaN for one that all clips have, or none. */
export function causeAreas(all: readonly Predicted[]): number[] {
  const known = all.filter(({ causes }) => causes !== null);
  return Array.from({ length: known[0]?.causes?.length ?? 0 }, (_, cause) =>
    auc(
      known.map(({ alone }) => alone.causes[cause] as number),
      known.map(({ causes }) => causes?.[cause] as number),
    ),
  );
}

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
      firstFrames: windows.shortest,
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

interface Placed {
  place: number;
  clip: ClipData;
}

/** Clips whose lengths are equal in steps, at most `limit` at a time; what has no step is left out. */
export function* groupsOfEqualLength(data: DataSet, { framesPerStep }: InputShape, limit: number): Generator<Placed[]> {
  const open = new Map<number, Placed[]>();
  let place = -1;
  for (const clip of data.clips()) {
    place++;
    const steps = Math.floor(clip.peaks.length / framesPerStep);
    if (steps === 0) continue;
    const group = [...(open.get(steps) ?? []), { place, clip }];
    open.set(steps, group);
    if (group.length < limit) continue;
    yield group;
    open.delete(steps);
  }
  yield* open.values();
}
