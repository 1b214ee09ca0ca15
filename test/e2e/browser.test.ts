import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { Conference } from '../../examples/conference/src/conference.ts';
import { type Clip, clipPath } from '../support/clips.ts';
import { until } from '../support/waiting.ts';
import { EventLog, firstPackets } from './call.ts';

const speech: Clip = 'speech/man-3';
/** Generous: a busy machine is late, and waiting ends with what is waited for. */
const timeoutMs = 30_000;

/** Debian's Chromium without a screen; its microphone is a recording, said over and over. */
const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      `--use-file-for-fake-audio-capture=${clipPath(speech)}`,
    ],
  });

describe('headless Chromium on the page', () => {
  let conference: Conference;
  let log: EventLog;
  let firstPacketMs: Map<string, number>;
  let browser: Browser;
  let page: Page;
  const pageErrors: string[] = [];
  let participantId = '';

  const row = () => page.locator(`tr[data-participant-id="${participantId}"]`);
  /** The row's text, once it is like this. */
  const rowSays = (text: RegExp) => row().filter({ hasText: text }).waitFor({ timeout: timeoutMs });
  /** By keyboard, as far as it goes to this end; every step is one of the slider's. */
  const slide = async (label: string, to: 'Home' | 'End') => {
    await page.getByLabel(label).focus();
    await page.keyboard.press(to);
  };

  before(async () => {
    conference = await Conference.create({ port: 0 });
    log = new EventLog(conference);
    firstPacketMs = firstPackets(conference.router);
    browser = await launch();
    page = await browser.newPage();
    page.setDefaultTimeout(timeoutMs);
    page.on('pageerror', (error) => pageErrors.push(error.stack ?? error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') pageErrors.push(message.text());
    });
    await page.goto(conference.url);
  });

  after(async () => {
    await browser?.close();
    await conference?.close();
  });

  test('joins with name and keyboard alone', async () => {
    await page.locator('#connection', { hasText: 'Connected' }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.type('Ada <b>L.</b>');
    // Chromium now and then swallows an Enter that follows typing without a pause.
    await until('the page has joined', async () => {
      if (conference.room.participants.length === 0) await page.keyboard.press('Enter', { delay: 50 });
      return conference.room.participants.length > 0;
    });
    await page.getByRole('button', { name: 'Mute' }).waitFor();
    await until('it sends', () => conference.room.participants[0]?.sending === true);
    const [participant] = conference.room.participants;
    assert.ok(participant?.sending);
    assert.equal(participant.name, 'Ada <b>L.</b>');
    participantId = participant.participantId;
    await page.getByRole('button', { name: 'Ada <b>L.</b> (you)' }).waitFor();
    await rowSays(/Ada <b>L\.<\/b>/);
  });

  test('is scored within 6 s of its first packet, and sees the score', async (t) => {
    await until('a score', () => log.scoresOf(participantId).length > 0, timeoutMs);
    const latencyMs = (log.scoresOf(participantId)[0]?.atMs ?? Number.NaN) - (firstPacketMs.get(participantId) ?? 0);
    t.diagnostic(`first score after ${latencyMs} ms`);
    assert.ok(latencyMs <= 6000, `${latencyMs} ms`);
    await rowSays(/[1-5]\.\d\d.*[1-5]\.\d to [1-5]\.\d.*(good|fair|poor)/s);
    const shown = Number(await row().locator('.mos').textContent());
    const scores = log.scoresOf(participantId).map(({ event }) => event.mosLqo.toFixed(2));
    assert.ok(scores.includes(shown.toFixed(2)), `${shown} is none of ${scores}`);
    const { name, version } = conference.observer.scorer.model;
    await page.getByRole('button', { name: 'Ada <b>L.</b>', exact: true }).click();
    await page.getByText(`${name} ${version}`).waitFor();
    await page
      .getByText(/^[1-5]\.\d\d$/)
      .first()
      .waitFor();
  });

  for (const { label, worst, best } of [
    { label: 'Lose packets', worst: 'End', best: 'Home' },
    { label: 'Add noise', worst: 'End', best: 'Home' },
    { label: 'Frequencies', worst: 'Home', best: 'End' },
  ] as const) {
    test(`"${label}" at its worst: one's own score falls, and what is shown with it`, async (t) => {
      const newest = () => log.scoresOf(participantId).at(-1)?.event.mosLqo ?? Number.NaN;
      const before = newest();
      const changedMs = Date.now();
      await slide(label, worst);
      await until(`a score of at most ${(before - 0.5).toFixed(2)}`, () => newest() <= before - 0.5, timeoutMs);
      t.diagnostic(`from ${before.toFixed(2)} to ${newest().toFixed(2)} in ${Date.now() - changedMs} ms`);
      await page.getByText(/before the last change, \d+ s ago: −/).waitFor();
      await slide(label, best);
      await until('it is back', () => newest() >= before - 0.3, 2 * timeoutMs);
    });
  }

  test('the lowest bit rate is what is sent', async () => {
    const producer = () => conference.room.participant(participantId)?.producer;
    const kbps = async () => ((await producer()?.getStats())?.[0]?.bitrate ?? Number.NaN) / 1000;
    await slide('Bit rate', 'Home');
    await until('at most 12 kbit/s with headers', async () => (await kbps()) <= 12 + 16, timeoutMs);
    await page.getByRole('button', { name: 'All well again' }).click();
    assert.equal(await page.getByLabel('Bit rate').inputValue(), '32');
    await until('more again', async () => (await kbps()) > 12 + 16, timeoutMs);
  });

  test('muting shows `muted` within 2 s and no number; unmuting shows scores again', async (t) => {
    const muted = log.noScore(participantId, 'muted');
    const clickedMs = Date.now();
    await page.getByRole('button', { name: 'Mute' }).click();
    const { atMs } = await muted;
    t.diagnostic(`muted after ${atMs - clickedMs} ms`);
    assert.ok(atMs - clickedMs <= 2000, `muted after ${atMs - clickedMs} ms`);
    await rowSays(/no score.*muted/s);
    assert.equal(await row().locator('.mos').textContent(), '–');
    await row()
      .getByRole('img', { name: /no score: .*muted/ })
      .waitFor();

    const scored = log.score(participantId);
    await page.getByRole('button', { name: 'Unmute' }).click();
    await scored;
    await rowSays(/[1-5]\.\d\d/);
  });

  test('somebody else joins, is listened to, and goes', async () => {
    const other = await browser.newPage();
    await other.goto(conference.url);
    await other.getByLabel('Your name').fill('Grace');
    await other.getByRole('button', { name: 'Join' }).click();
    await page.getByRole('button', { name: 'Listen to Grace' }).click();
    await page.getByRole('button', { name: 'Listen to Grace', pressed: true }).waitFor();
    const grace = conference.room.participants.find(({ name }) => name === 'Grace');
    assert.ok(grace);
    const { consumersOf } = await conference.router.dump().then(({ mapProducerIdConsumerIds }) => ({
      consumersOf: (producerId: string) =>
        mapProducerIdConsumerIds.find(({ key }) => key === producerId)?.values.length ?? 0,
    }));
    const producerId = conference.room.participant(grace.participantId)?.producer?.id ?? '';
    assert.equal(consumersOf(producerId), 2, 'the listener and the observer');
    const closed = log.close(grace.participantId);
    await other.close();
    await closed;
    await page.getByRole('button', { name: 'Listen to Grace' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Grace' }).waitFor({ state: 'detached' });
  });

  test('leaving gives a close event, and the page can join again', async () => {
    const closed = log.close(participantId);
    await page.getByRole('button', { name: 'Leave' }).click();
    await closed;
    await page.getByText('Nobody is here yet.').waitFor();
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByRole('button', { name: 'Mute' }).waitFor();
    assert.equal(conference.room.participants.length, 1);
  });

  test('the page met no error', () => {
    assert.deepEqual(pageErrors, []);
  });
});
