import { expectScores, type Verification, verifyModel } from '../../src/verification/verify.ts';
import { CliError, exitCodes } from '../errors.ts';
import { untilInterrupted } from '../interrupt.ts';
import { whole } from '../options.ts';
import { Command, Option } from '../packages/commander.ts';
import { Table } from '../packages/table.ts';
import { findFiles } from '../score/find-files.ts';
import { isScored } from '../score/format.ts';
import { usableProcessors } from '../score/processors.ts';
import { type FileResult, scoreFiles } from '../score/score-files.ts';
import { agreement, type Pair } from './compare.ts';
import { shippedManifests } from './find-models.ts';

export function modelsCommand(): Command {
  return new Command('models')
    .description('lists, verifies and compares models')
    .addCommand(listCommand())
    .addCommand(verifyCommand())
    .addCommand(expectCommand())
    .addCommand(compareCommand());
}

const plainTable = (head: string[], colWidths: (number | null)[] = []) =>
  new Table({ head, colWidths, wordWrap: true, style: { head: [], border: [], compact: true } });

/** What was compared with, without what stands in brackets: the manifest has it all. */
function shortened(reference: string): string {
  const shorter = reference.replace(/\s*\([^()]*\)/g, '');
  return shorter === reference ? reference : shortened(shorter);
}

function listCommand(): Command {
  return new Command('list')
    .description('the models that this package brings')
    .option('--json', 'whole manifests as JSON')
    .action(({ json = false }: { json?: boolean }) => {
      const manifests = shippedManifests();
      if (json) {
        process.stdout.write(`${JSON.stringify(manifests, null, 2)}\n`);
        return;
      }
      const head = ['name', 'version', 'form', 'params', 'ms/window', 'PCC', 'RMSE', 'against', 'licence'];
      const table = plainTable(
        head,
        head.map((column) => (column === 'against' ? 20 : null)),
      );
      for (const { name, version, form, cost, accuracy, licence } of manifests) {
        const [first] = accuracy;
        const measured = first
          ? [first.pcc.toFixed(3), first.rmse.toFixed(3), shortened(first.reference)]
          : ['', '', ''];
        table.push([name, version, form, String(cost.parameters), cost.msPerWindow.toFixed(2), ...measured, licence]);
      }
      console.log(table.toString());
    });
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('checks files against their manifests and front end, and the scores of a model for recorded speech')
    .argument('[models...]', 'names or paths of manifests (.json); default: all that the package brings')
    .addHelpText(
      'after',
      `
Scores two recordings that the package brings: as packets of a call, the same windows computed offline, and in a batch with
other streams. All have to agree, also with the scores that were written down where the model was made (see expect).

Exit codes: 0 all are well, 1 one is not.`,
    )
    .action(async (given: string[]) => {
      const models = given.length > 0 ? given : shippedManifests().map(({ name }) => name);
      let broken = 0;
      for (const model of models) {
        try {
          console.log(`ok      ${inWords(await verifyModel(model))}`);
        } catch (error) {
          broken++;
          console.log(`BROKEN  ${model}: ${(error as Error).message}`);
        }
      }
      if (broken > 0) process.exitCode = exitCodes.failed;
    });
}

function inWords({ model: { identity }, scores, differences }: Verification): string {
  const all = Object.values(scores).flat();
  const spread = `${all.length} scores of speech, ${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)}`;
  const { forms, company, expected } = differences;
  const agreed = [`computed offline within ${forms.toFixed(4)}`, `in a batch within ${company.toFixed(4)}`];
  if (expected !== undefined) agreed.push(`as expected within ${expected.toFixed(4)}`);
  const missing = expected === undefined ? '; no scores were written down to compare with (models expect)' : '';
  return `${identity.name} ${identity.version}: hashes, constants and shapes; ${spread}: ${agreed.join(', ')}${missing}`;
}

function expectCommand(): Command {
  return new Command('expect')
    .description('records reference scores of a new model for "models verify"')
    .argument('<models...>', 'paths of manifests (.json)')
    .addHelpText('after', '\nExit codes: 0 done, 1 a model does not agree with itself.')
    .action(async (models: string[]) => {
      for (const model of models) {
        const file = await expectScores(model).catch((cause: Error) => {
          throw new CliError(`${model}: ${cause.message}`, exitCodes.failed, { cause });
        });
        console.log(`${file}: written`);
      }
    });
}

function compareCommand(): Command {
  return new Command('compare')
    .description('scores recordings with two models')
    .argument('<one>', 'name or path of a manifest (.json)')
    .argument('<other>', 'name or path of a manifest (.json)')
    .argument('<paths...>', 'recordings and folders of them')
    .option('-r, --recursive', 'also look into folders inside of folders')
    .addOption(
      new Option('-j, --jobs <count>', 'files scored at once')
        .argParser(whole(1, 256))
        .default(usableProcessors(), 'one per processor, within the CPU quota of a container'),
    )
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong arguments, 3 done but for some files, 130 interrupted.',
    )
    .action(compare);
}

interface CompareFlags {
  recursive?: boolean;
  jobs: number;
  json?: boolean;
}

async function compare(one: string, other: string, paths: string[], flags: CompareFlags): Promise<void> {
  const { recursive = false, jobs, json = false } = flags;
  const files = findFiles(paths, recursive);
  const signal = untilInterrupted();
  const options = { channel: 0, jobs, signal };
  const first = await scoreFiles(files, { ...options, model: one });
  const second = await scoreFiles(files, { ...options, model: other });
  if (signal.aborted) throw new CliError('interrupted', exitCodes.interrupted);
  const pairs = pairUp(first, second);
  const left = files.filter((file) => !pairs.some((pair) => pair.file === file));
  if (pairs.length === 0) throw new CliError('none of the files was scored by both models');
  const agreed = agreement(pairs);
  if (json) process.stdout.write(`${JSON.stringify({ one, other, ...agreed, files: pairs, left }, null, 2)}\n`);
  else show(one, other, pairs, agreed);
  if (left.length === 0) return;
  console.error(`${left.length} of ${files.length} files were not scored by both: ${left.join(', ')}`);
  process.exitCode = exitCodes.partly;
}

const mosOf = (result: FileResult | undefined) =>
  result !== undefined && isScored(result) ? result.score.report.mosLqo : undefined;

function pairUp(first: readonly FileResult[], second: readonly FileResult[]): Pair[] {
  return first.flatMap((result) => {
    const mine = mosOf(result);
    const theirs = mosOf(second.find(({ file }) => file === result.file));
    return mine === undefined || theirs === undefined ? [] : [{ file: result.file, one: mine, other: theirs }];
  });
}

function show(
  one: string,
  other: string,
  pairs: readonly Pair[],
  { n, bias, rmsDifference, pcc }: ReturnType<typeof agreement>,
) {
  const table = plainTable(['file', one, other, 'difference']);
  for (const pair of pairs) {
    table.push([pair.file, pair.one.toFixed(2), pair.other.toFixed(2), (pair.other - pair.one).toFixed(2)]);
  }
  console.log(table.toString());
  const correlation = pcc === undefined ? '' : `, PCC ${pcc.toFixed(3)}`;
  console.log(`${n} files: mean difference ${bias.toFixed(3)}, RMS ${rmsDifference.toFixed(3)}${correlation}`);
}
