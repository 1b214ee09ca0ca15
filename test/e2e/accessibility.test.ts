import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { Conference } from '../../examples/conference/src/conference.ts';
import { faultsOf } from '../support/axe.ts';
import { clipPath } from '../support/clips.ts';
import { startDashboardSite } from '../support/dashboard-site.ts';
import { SimulatedCall } from '../support/simulated-call.ts';
import { until } from '../support/waiting.ts';

/** Generous: a busy machine is late, and waiting ends with what is waited for. */
const timeoutMs = 60_000;
/** Where pictures are put, to be looked at. Default: none are taken. */
const picturesFolder = process.env.PICTURES;
const schemes = ['light', 'dark'] as const;

describe('the pages, to assistive technology, by keyboard and without colours', () => {
  let browser: Browser;
  before(async () => {
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      headless: true,
      args: [
        ...['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
        ...['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
        `--use-file-for-fake-audio-capture=${clipPath('speech/man-3')}`,
      ],
    });
  });
  after(() => browser?.close());

  async function open(url: string, colorScheme: 'light' | 'dark' = 'light'): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme });
    page.setDefaultTimeout(timeoutMs);
    await page.goto(url);
    return page;
  }

  /** As somebody sees it who sees no colours. */
  async function pictureWithoutColours(page: Page, name: string): Promise<void> {
    if (picturesFolder === undefined) return;
    mkdirSync(picturesFolder, { recursive: true });
    const session = await page.context().newCDPSession(page);
    await session.send('Emulation.setEmulatedVisionDeficiency', { type: 'achromatopsia' });
    await page.screenshot({ path: join(picturesFolder, `${name}.png`) });
    await session.send('Emulation.setEmulatedVisionDeficiency', { type: 'none' });
  }

  /** Presses Tab until the focus leaves the page: the name of each stop, and whether one sees that it is there. */
  async function tabStops(page: Page): Promise<{ name: string; seen: boolean }[]> {
    const stops: { name: string; seen: boolean }[] = [];
    for (;;) {
      await page.keyboard.press('Tab');
      const stop = await page.evaluate<{ name: string; seen: boolean } | null>(`(() => {
        let at = document.activeElement;
        while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
        if (at === null || at === document.body) return null;
        const { outlineStyle, outlineWidth } = getComputedStyle(at);
        const name = at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent;
        return { name: name.replace(/\\s+/g, ' ').trim(), seen: outlineStyle !== 'none' && outlineWidth !== '0px' };
      })()`);
      if (stop === null || stop.name === stops[0]?.name || stops.length === 100) return stops;
      stops.push(stop);
    }
  }

  const rows = (page: Page) => page.locator('tr.producer');

  for (const participants of [4, 30, 200]) {
    test(`the dashboard with ${participants} participants`, async () => {
      const call = await SimulatedCall.create(participants);
      const site = await startDashboardSite(call.observer);
      for (let second = 0; second < 20; second++) call.step();
      call.start();
      try {
        const page = await open(site.page());
        await until('everybody is there', async () => (await rows(page).count()) === participants, timeoutMs);
        await page.getByRole('button', { name: 'Participant 2', exact: true }).click();
        await page.getByRole('button', { name: 'Participant 2', exact: true, expanded: true }).waitFor();
        for (const scheme of schemes) {
          await page.emulateMedia({ colorScheme: scheme });
          assert.deepEqual(await faultsOf(page), [], scheme);
          await pictureWithoutColours(page, `${participants}-${scheme}-without-colours`);
        }
        await page.close();
      } finally {
        await site.close();
        await call.close();
      }
    });
  }

  test('the dashboard says each state in a word, not by its colour alone', async () => {
    const call = await SimulatedCall.create(8);
    const site = await startDashboardSite(call.observer);
    for (let second = 0; second < 60; second++) call.step();
    try {
      const page = await open(site.page());
      await until('everybody is there', async () => (await rows(page).count()) === 8, timeoutMs);
      const read = () =>
        rows(page).evaluateAll((all) =>
          all.map((row) => ({ state: (row as HTMLElement).dataset.state ?? '', text: row.textContent ?? '' })),
        );
      const different = async () => new Set((await read()).map(({ state }) => state)).size;
      await until('three states are there', async () => (await different()) >= 3, timeoutMs);
      const said = await read();
      const words: Record<string, RegExp> = { good: /good/, fair: /fair/, poor: /poor/, unknown: /unknown|no score/ };
      for (const { state, text } of said) assert.match(text, words[state] ?? /none of the states/);
      await page.close();
    } finally {
      await site.close();
      await call.close();
    }
  });

  describe('the conference', () => {
    let conference: Conference;
    before(async () => {
      conference = await Conference.create({ port: 0 });
    });
    after(() => conference?.close());

    for (const scheme of schemes) {
      test(`before and after joining, ${scheme}`, async () => {
        const page = await open(conference.url, scheme);
        await page.locator('#connection', { hasText: 'Connected' }).waitFor();
        assert.deepEqual(await faultsOf(page), [], 'before joining');
        await page.getByLabel('Your name').fill(`Ada, ${scheme}`);
        await page.getByRole('button', { name: 'Join' }).click();
        await page.getByRole('button', { name: `Ada, ${scheme}`, exact: true }).waitFor();
        assert.deepEqual(await faultsOf(page), [], 'joined');
        await pictureWithoutColours(page, `conference-${scheme}-without-colours`);
        await page.close();
      });
    }

    test('every control is reached by Tab, is seen to have the focus, and has a name', async () => {
      const page = await open(conference.url);
      await page.locator('#connection', { hasText: 'Connected' }).waitFor();
      await page.getByLabel('Your name').fill('Grace');
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Grace', exact: true }).waitFor();
      await page.evaluate('document.activeElement.blur()');
      const stops = await tabStops(page);
      const names = stops.map(({ name }) => name);
      const expected = [
        ...['Mute', 'Leave', 'Lose packets', 'Add noise', 'Bit rate', 'Frequencies', 'All well again'],
        ...[/^Grace/],
      ];
      for (const name of expected) {
        assert.ok(
          names.some((each) => (typeof name === 'string' ? each === name : name.test(each))),
          `${name} is none of ${names.join(' | ')}`,
        );
      }
      assert.deepEqual(
        stops.filter(({ name, seen }) => name === '' || !seen),
        [],
      );
      await page.close();
    });
  });
});
