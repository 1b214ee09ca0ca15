import type { Comparison, Figure } from './compare.ts';
import type { Result } from './result.ts';

/** Results as Markdown, one table per set. */
export function report(results: readonly Result[]): string {
  const sets = [...new Set(results.map(({ set }) => set))];
  const sized = results.filter(({ cost }) => cost);
  const parts = sets.map((set) => {
    const rows = results.filter((result) => result.set === set);
    const { reference } = rows[0] as Result;
    return [
      `## ${set}`,
      ...(rows.some(isRated)
        ? [
            `Compared with ${reference}. In brackets: 95 % of the bootstrap. Mapped: after monotonic mapping of first and third order (ITU-T P.1401).`,
            accuracyTable(rows.filter(isRated)),
          ]
        : ['Nothing in this set has a rating.']),
      ...(rows.some(({ rmseDifference }) => rmseDifference)
        ? ['How much larger the RMSE is than that of the first model, of the same clips:', differenceTable(rows)]
        : []),
      ...(rows.some(detects) ? [detectionTable(rows.filter(detects))] : []),
      ...(rows.some(({ speechlessClips }) => speechlessClips !== undefined)
        ? [
            'False alarms: share of the steps of the clips without speech that are taken for it. Scored: share of the time of these clips, one after the other in a call, in which there would be a score.',
          ]
        : []),
      ...(rows.some(({ groups }) => groups)
        ? [
            'RMSE by what a clip went through and what can be heard; in brackets the mean of score - rating.',
            groupTable(rows),
          ]
        : []),
    ].join('\n\n');
  });
  const models = sized.length > 0 ? [`## Models\n\n${modelTable(sized)}`] : [];
  return `# Evaluation\n\n${[...models, ...parts].join('\n\n')}\n`;
}

const isRated = ({ perFile }: Result) => perFile.n > 0;
const detects = ({ coverage, speechF1, speechlessClips, causeAuc }: Result) =>
  (coverage ?? speechF1 ?? speechlessClips ?? causeAuc) !== undefined;

/** What models take, and how they do on each set: PCC and RMSE. */
function modelTable(rows: readonly Result[]): string {
  const sets = [...new Set(rows.filter(isRated).map(({ set }) => set))];
  const models = [...new Set(rows.map(({ scorer }) => scorer))];
  return table(
    ['model', 'made', 'parameters', 'ms of CPU per second of audio', ...sets],
    models.map((model) => {
      const own = rows.filter(({ scorer }) => scorer === model);
      const { cost, made } = own[0] as Result;
      return [
        model,
        made?.join(', ') ?? 'not stated',
        String(cost?.parameters),
        number(cost?.msPerAudioSecond ?? cost?.msPerWindow),
        ...sets.map((set) => {
          const result = own.find((each) => each.set === set);
          return result ? `${number(result.perFile.pcc.value)}, ${number(result.perFile.rmse.value)}` : '–';
        }),
      ];
    }),
  );
}

function accuracyTable(rows: readonly Result[]): string {
  const header = ['scorer', 'per', 'n', 'PCC', 'SRCC', 'Kendall', 'RMSE', 'RMSE 1st', 'RMSE 3rd', 'RMSE*'];
  const line = (scorer: string, per: string, c: Comparison) => [
    ...[scorer, per, String(c.n), figure(c.pcc), figure(c.srcc), figure(c.kendall), figure(c.rmse)],
    ...[number(c.rmseFirstOrder), number(c.rmseThirdOrder), number(c.rmseStar)],
  ];
  return table(
    header,
    rows.flatMap(({ scorer, perFile, perCondition }) => [
      line(scorer, 'file', perFile),
      ...(perCondition ? [line(scorer, 'condition', perCondition)] : []),
    ]),
  );
}

function differenceTable(rows: readonly Result[]): string {
  return table(
    ['scorer', 'beside', 'n', 'difference of RMSE'],
    rows.flatMap(({ scorer, rmseDifference }) =>
      rmseDifference
        ? [[scorer, rmseDifference.than, String(rmseDifference.n), signedFigure(rmseDifference.rmse)]]
        : [],
    ),
  );
}

function detectionTable(rows: readonly Result[]): string {
  const causes = [...new Set(rows.flatMap(({ causeAuc }) => Object.keys(causeAuc ?? {})))];
  const speech = ['speech F1', 'clips without', 'false alarms', 'scored although nobody speaks'];
  return table(
    ['scorer', 'inside interval', ...speech, ...causes.map((cause) => `AUC ${cause}`)],
    rows.map((row) => [
      row.scorer,
      row.coverage === undefined ? '–' : `${percent(row.coverage)} of ${percent(row.nominalCoverage as number)}`,
      number(row.speechF1),
      row.speechlessClips === undefined ? '–' : String(row.speechlessClips),
      percent(row.speechFalseAlarms),
      percent(row.speechlessScored),
      ...causes.map((cause) => number(row.causeAuc?.[cause])),
    ]),
  );
}

function groupTable(rows: readonly Result[]): string {
  const known = rows.filter(({ groups }) => groups);
  const names = [...new Set(known.flatMap(({ groups }) => Object.keys(groups ?? {})))].sort();
  const countOf = (name: string) => Math.max(...known.map(({ groups }) => groups?.[name]?.n ?? 0));
  return table(
    ['group', 'n', ...known.map(({ scorer }) => scorer)],
    names.map((name) => [
      name,
      String(countOf(name)),
      ...known.map(({ groups }) => {
        const group = groups?.[name];
        return group ? `${number(group.rmse)} (${signed(group.bias)})` : '–';
      }),
    ]),
  );
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, header.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function figure({ value, low, high }: Figure): string {
  return Number.isFinite(value) ? `${number(value)} [${number(low)}, ${number(high)}]` : '–';
}

function signedFigure({ value, low, high }: Figure): string {
  return `${signed(value)} [${signed(low)}, ${signed(high)}]`;
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${number(value)}`;
}

function number(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(3);
}

function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${(100 * share).toFixed(1)} %`;
}
