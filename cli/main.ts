#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/base/package-root.ts';
import { doctorCommand } from './doctor/command.ts';
import { CliError, exitCodes } from './errors.ts';
import { listenCommand } from './listen/command.ts';
import { modelsCommand } from './models/command.ts';
import { Command, CommanderError } from './packages/commander.ts';
import { scoreCommand } from './score/command.ts';
import { serveCommand } from './serve/command.ts';
import { endWithStandardOutput } from './standard-output.ts';

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };

const program = new Command('mediasoup-mos')
  .description('Speech quality (MOS) of calls and recordings.')
  .version(version)
  .showHelpAfterError('(use --help for details)')
  .exitOverride()
  .addCommand(scoreCommand())
  .addCommand(listenCommand())
  .addCommand(serveCommand())
  .addCommand(modelsCommand())
  .addCommand(doctorCommand());

// What `serve` writes is only one of the things that it does.
program.hook('preAction', (_, command) => {
  if (command.name() !== 'serve') endWithStandardOutput();
});

for (const command of program.commands) command.copyInheritedSettings(program);

function conclude(error: unknown): void {
  if (error instanceof CommanderError) {
    // Its text stands there already.
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    return;
  }
  // What this package throws on purpose has a code; anything else is a fault of the program.
  const expected = error instanceof Error && 'code' in error;
  console.error(expected ? `mediasoup-mos: ${(error as Error).message}` : error);
  process.exitCode = error instanceof CliError ? error.exitCode : exitCodes.failed;
}

program.parseAsync().catch(conclude);
