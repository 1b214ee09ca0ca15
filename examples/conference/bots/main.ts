import type { BotCommand, BotReply } from '../src/bots.ts';
import { Bot } from './bot.ts';

/** The bots' process: takes commands from its parent and ends with it. */

const bots = new Map<string, Bot>();

const botNamed = (name: string): Bot => {
  const bot = bots.get(name);
  if (bot === undefined) throw new Error(`no bot named ${name}`);
  return bot;
};

async function obey(command: BotCommand): Promise<Omit<BotReply, 'id'>> {
  switch (command.type) {
    case 'join': {
      const { name } = command.bot;
      if (bots.has(name)) throw new Error(`there is a bot named ${name}`);
      const bot = await Bot.join({ url: command.url, ...command.bot });
      bots.set(name, bot);
      return { participantId: bot.participantId };
    }
    case 'mute':
      await botNamed(command.name).setMuted(command.muted);
      return {};
    case 'leave':
      botNamed(command.name).leave();
      bots.delete(command.name);
      return {};
  }
}

process.on('message', async ({ id, ...command }: BotCommand & { id: number }) => {
  const reply = await obey(command).catch((error: Error) => ({ error: error.message }));
  if (process.connected) process.send?.({ id, ...reply } satisfies BotReply);
});

// Ctrl-C reaches every process of the terminal: the parent decides, and lets go of this one.
process.on('SIGINT', () => {});
process.on('disconnect', () => {
  for (const bot of bots.values()) bot.leave();
  process.exit(0);
});
