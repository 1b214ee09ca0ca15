import type { NativeFeatureConstants } from '../../../src/engine/contract.ts';
import type { ModelManifest } from '../../../src/model/manifest.ts';
import type { StudentConfiguration } from '../learning/configuration.ts';
import { floorLog10 } from '../learning/windows.ts';
import { sha256 } from '../run/files.ts';
import { causeNames, framesPerStep } from '../student/configuration.ts';
import type { Calibration } from './calibration.ts';
import type { Cost } from './cost.ts';
import type { Provenance } from './provenance.ts';
import { graphNames, stateValues } from './student-graph.ts';

export type Form = ModelManifest['form'];

export interface ManifestParts {
  student: StudentConfiguration;
  /** Of the model, which the form is part of. */
  name: string;
  version: string;
  licence: string;
  form: Form;
  features: NativeFeatureConstants;
  /** The network, or its trunk, and its heads in streaming form. */
  graphs: { file: string; bytes: Uint8Array; heads?: { file: string; bytes: Uint8Array } };
  coverage: number;
  calibration: Calibration;
  calibrationSet: string;
  /** Probability from which a step counts as speech, and mean probability from which a window does. */
  stepThreshold: number;
  speechThreshold: number;
  accuracy: ModelManifest['accuracy'];
  provenance: Provenance;
  cost: Cost;
  /** Trained values, without channel padding. */
  parameters: number;
}

/**
 * Shortest window that is scored, frames: scores of 1.5 s are within 0.33 MOS (RMSE) of those of 7.68 s of the same condition,
 * though training windows are longer.
 */
const shortestScored = 150;

/** The manifest of a network: all that is needed to use it. */
export function manifestOf(parts: ManifestParts): ModelManifest {
  const { student, form, features, graphs, calibration, provenance, cost } = parts;
  const { network, training } = student;
  const multipleOf = framesPerStep(network);
  const up = (frames: number) => Math.ceil(frames / multipleOf) * multipleOf;
  const down = (frames: number) => Math.floor(frames / multipleOf) * multipleOf;
  const { shortest, longest } = training.windows;
  const window = { min: up(Math.min(shortest, shortestScored)), max: down(longest), multipleOf };
  const { method, n, sigmaScale, coverageUncalibrated, coverageMeasured } = calibration;
  return {
    ...{ name: parts.name, version: parts.version, description: student.description, licence: parts.licence },
    ...{ file: graphs.file, sha256: sha256(graphs.bytes), form },
    input: {
      ...{ kind: 'logmel', name: graphNames.frames, ...features, normalisation: 'peak', floorLog10 },
      // The trunk of the streaming form takes any number of new steps.
      frames: form === 'windowed' ? window : { ...window, min: multipleOf },
    },
    outputs: {
      mos: graphNames.mos,
      logVariance: graphNames.logVariance,
      speech: { name: graphNames.speech, threshold: parts.speechThreshold },
      causes: { name: graphNames.causes, order: [...causeNames] },
    },
    ...(graphs.heads
      ? {
          streaming: {
            heads: { file: graphs.heads.file, sha256: sha256(graphs.heads.bytes) },
            state: { input: graphNames.state, output: graphNames.nextState, values: stateValues(network) },
            steps: {
              ...{ name: graphNames.steps, width: network.width, framesPerStep: multipleOf },
              window: { min: window.min / multipleOf, max: window.max / multipleOf, multipleOf: 1 },
            },
            speech: graphNames.speech,
            stepThreshold: parts.stepThreshold,
            gainFrames: longest,
          },
        }
      : {}),
    scale: { quantity: 'MOS-LQO', min: 1, max: 5 },
    interval: {
      ...{ coverage: parts.coverage, sigmaScale },
      calibration: { method, set: parts.calibrationSet, n, coverageUncalibrated, coverageMeasured },
    },
    provenance: {
      ...{ corpora: provenance.corpora, teachers: provenance.teachers, seeds: provenance.seeds },
      ...{ commit: provenance.commit, notes: provenance.notes, made: provenance.made },
    },
    accuracy: parts.accuracy,
    cost: {
      ...{ parameters: parts.parameters, msPerWindow: cost.msPerWindow, measuredOn: cost.measuredOn },
      ...(form === 'streaming' ? { msPerAudioSecond: cost.msPerAudioSecond } : {}),
    },
  };
}
