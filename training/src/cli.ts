import { Command } from 'commander';
import { agreeCommand } from './commands/agree.ts';
import { corpusCommand } from './commands/corpus.ts';
import { degradeCommand } from './commands/degrade.ts';
import { distillCommand } from './commands/distill.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { exportCommand } from './commands/export.ts';
import { panelCommand } from './commands/panel.ts';
import { pruneCommand } from './commands/prune.ts';
import { quantizeCommand } from './commands/quantize.ts';
import { runCommand } from './commands/run.ts';
import { teachCommand } from './commands/teach.ts';
import { teacherCommand } from './commands/teacher.ts';
import { workerCommand } from './commands/worker.ts';
import { TrainingError } from './run/errors.ts';

const program = new Command('mos-train')
  .description('Makes speech-quality students: from unlabelled recordings to the network that scores calls.')
  .showHelpAfterError()
  .addCommand(corpusCommand())
  .addCommand(degradeCommand())
  .addCommand(teachCommand())
  .addCommand(workerCommand())
  .addCommand(teacherCommand())
  .addCommand(distillCommand())
  .addCommand(pruneCommand())
  .addCommand(exportCommand())
  .addCommand(quantizeCommand())
  .addCommand(evaluateCommand())
  .addCommand(agreeCommand())
  .addCommand(panelCommand())
  .addCommand(runCommand());

try {
  await program.parseAsync();
} catch (error) {
  const expected = error instanceof TrainingError || error instanceof RangeError;
  console.error(expected ? `mos-train: ${error.message}` : error);
  process.exitCode = 1;
}
