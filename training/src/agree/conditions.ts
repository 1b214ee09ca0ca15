import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import type { Step } from '../degrade/recipe.ts';
import { checkConfiguration } from '../run/files.ts';

const columns = z.array(
  z.object({
    experiment: z.string().min(1),
    condition: z.string().min(1),
    processing: z.string().min(1),
    mos: z.coerce.number(),
    votes: z.coerce.number(),
  }),
);

/** A condition of a published listening test, with the mean of its listeners. */
export type Condition = z.output<typeof columns>[number];

export function readConditions(path: string): Condition[] {
  const rows: unknown = parse(readFileSync(path), { columns: true, skip_empty_lines: true, trim: true });
  return checkConfiguration(rows, columns, path);
}

/** How a condition is made again: its group in the report, and the steps. */
export interface Plan {
  group: string;
  chain: Step[];
}

const always = { probability: 1 } as const;
const simple = (step: object) => ({ ...always, ...step }) as Step;
const codec = (name: string) => simple({ step: 'codec', names: [name] });

/**
 * Steps of `degrade` that make a condition again from clean speech; undefined for one that cannot be made. `codecs`: names of
 * those that there are.
 */
export function planOf({ experiment, processing }: Condition, codecs: readonly string[]): Plan | undefined {
  if (experiment === 'TCD-VoIP') return planOfTcd(processing);
  const telephone = experiment.startsWith('P.Sup23');
  const plan = telephone ? planOfTelephone(processing) : planOfWideBand(processing);
  const names = plan?.chain.flatMap((step) => (step.step === 'codec' ? step.names : [])) ?? [];
  return names.every((name) => codecs.includes(name)) ? plan : undefined;
}

/** Noise of `qDb` over the band of `rateHz` is this far below the speech over the 8 kHz that are simulated, dB. */
const overBand = (qDb: number, rateHz: number) => qDb + 10 * Math.log10(rateHz / 16_000);
const mnru = (qDb: number, rateHz: number) => simple({ step: 'mnru', qDb: overBand(qDb, rateHz) });

const chopModes = { silence: 'silence', repeat: 'repeat', delete: 'cut' } as const;

/** N. Harte, E. Gillen and A. Hines, "TCD-VoIP", QoMEX 2015: 48 kHz, no codec. */
function planOfTcd(processing: string): Plan | undefined {
  const [kind = ''] = processing.split(' ');
  const numbers = [...processing.matchAll(/(?<![a-z])[a-z]*?([\d.]+)/g)].map(([, digits]) => Number(digits));
  const [first = 0, second = 0, third = 0] = numbers;
  switch (kind) {
    case 'chop': {
      const mode = Object.keys(chopModes).find((name) => processing.includes(name)) as
        | keyof typeof chopModes
        | undefined;
      if (!mode) return { group: 'chop', chain: [] };
      const step = { step: 'chop', modes: [chopModes[mode]], ms: first, perSecond: second, regular: 0 };
      return { group: 'chop', chain: [simple(step)] };
    }
    case 'echo':
      return {
        group: 'echo',
        chain: first > 0 ? [simple({ step: 'echo', gain: first, delayMs: second, feedback: third })] : [],
      };
    case 'compspkr': {
      const snrDb = /snr(\d+)/.exec(processing)?.[1];
      const chain = snrDb ? [simple({ step: 'second-talker', snrDb: Number(snrDb) })] : [];
      return { group: 'second talker', chain };
    }
    case 'clip':
      return { group: 'clipping', chain: [simple({ step: 'overload', gainDb: 20 * Math.log10(first) })] };
    case 'mnru':
      return { group: 'MNRU', chain: [mnru(first, 48_000)] };
    default:
      return undefined;
  }
}

/** Of the noises of P.Sup23, which the data does not tell: about these SNR, dB. */
const noises = { vehicle: 15, street: 20, hoth: 20 } as const;

const telephoneCodecs: Readonly<Record<string, string>> = {
  'G.729': 'g729',
  'G.726': 'g726',
  'G.711': 'g711-mu',
  'GSM-FR': 'gsm',
};

/** ITU-T P-series Supplement 23, experiments 1 and 3: the telephone band. */
function planOfTelephone(processing: string): Plan | undefined {
  const parts = processing.split(';').map((part) => part.trim());
  const [coding = '', noise = '', errors = ''] = parts;
  if (errors.includes('bit')) return undefined;
  const band = [simple({ step: 'highpass', hz: 300, order: 4 }), simple({ step: 'lowpass', hz: 3400, order: 8 })];
  const snrDb = noises[noise as keyof typeof noises];
  const noisy = snrDb === undefined ? [] : [simple({ step: 'noise', snrDb })];
  const q = /MNRU Q=([\d.]+)/.exec(coding)?.[1];
  if (q) return { group: 'MNRU', chain: [mnru(Number(q), 8000), ...band] };
  if (coding === 'Direct') return { group: noisy.length > 0 ? 'noise' : 'codecs', chain: [...noisy, ...band] };
  const times = / ?>x (\d)/.exec(coding)?.[1] ?? /x (\d)/.exec(coding)?.[1];
  const names = coding
    .replace(/>?x \d/, '')
    .split('>')
    .filter(Boolean);
  const chained = times ? Array.from({ length: Number(times) }, () => names[0] as string) : names;
  const coded = chained.map((name) => telephoneCodecs[name]);
  if (coded.some((name) => name === undefined)) return undefined;
  const erased = /(random|bursty) frame ([\d+]+) %/.exec(errors);
  const shares = erased?.[2]?.split('+').map(Number) ?? [];
  const kind = erased?.[1] === 'bursty' ? 'bursty' : 'random';
  const tandem = shares.length > 1 ? shares.map(() => 'g729') : coded;
  const steps = tandem.map((name, place) => {
    const share = shares[place] ?? 0;
    return codec(share > 0 ? `${name}-${kind}-${share}` : (name as string));
  });
  const group = shares.length > 0 ? 'frame erasures' : noisy.length > 0 ? 'noise' : 'codecs';
  return { group, chain: [...noisy, ...band, ...steps] };
}

/** L. Fernández Gallardo et al., 2017: full-band context. */
function planOfWideBand(processing: string): Plan | undefined {
  const q = /MNRU ([\d.]+) dB/.exec(processing)?.[1];
  if (q) return { group: 'MNRU', chain: [mnru(Number(q), 48_000)] };
  const band = /bandpass (\d+)-(\d+)/.exec(processing);
  const group = 'codecs and bands';
  if (band) {
    const [, low, high] = band;
    const sides = [
      { step: 'highpass', hz: Number(low), order: 4 },
      { step: 'lowpass', hz: Number(high), order: 8 },
    ];
    return { group, chain: sides.map(simple) };
  }
  if (processing.startsWith('reference')) return { group, chain: [] };
  if (processing.startsWith('G.722 ')) return { group, chain: [codec('g722')] };
  if (processing.startsWith('G.711 ')) return { group, chain: [codec('g711-a')] };
  return undefined;
}
