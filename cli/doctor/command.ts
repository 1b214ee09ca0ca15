import { exitCodes } from '../errors.ts';
import { modelOption } from '../options.ts';
import { Command } from '../packages/commander.ts';
import { checks, type Finding, findingOf } from './checks.ts';

const marks: Record<Finding['status'], string> = { ok: 'ok     ', warning: 'warning', broken: 'BROKEN ' };

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('checks this installation and names what to mend')
    .addOption(modelOption())
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExit codes: 0 it works (there may be warnings), 1 something is broken.')
    .action(doctor);
}

async function doctor({ model, json = false }: { model: string; json?: boolean }): Promise<void> {
  const findings: (Finding & { what: string })[] = [];
  for (const { what, look } of checks(model)) {
    const finding = { what, ...(await findingOf(look)) };
    findings.push(finding);
    if (json) continue;
    console.log(`${marks[finding.status]}  ${what}: ${finding.found}`);
    if (finding.advice !== undefined) console.log(`         -> ${finding.advice}`);
  }
  if (json) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  if (findings.some(({ status }) => status === 'broken')) process.exitCode = exitCodes.failed;
}
