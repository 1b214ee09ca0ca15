import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, mock, test } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { type DashboardSite, dashboardToken, startDashboardSite } from '../support/dashboard-site.ts';
import { SimulatedCall } from '../support/simulated-call.ts';
import { until } from '../support/waiting.ts';

/** Generous: a busy machine is late, and waiting ends with what is waited for. */
const timeoutMs = 30_000;
/** Where pictures are put, to be looked at. Default: none are taken. */
const picturesFolder = process.env.PICTURES;

const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });

/** Makes a call's past: steps of everybody at earlier times, by the system's clock and the steady one. */
function pretendPast(call: SimulatedCall, seconds: number, stepSeconds: number): void {
  const [wallMs, steadyMs] = [Date.now(), performance.now()];
  const wall = mock.method(Date, 'now', () => wallMs);
  const steady = mock.method(performance, 'now', () => steadyMs);
  for (let before = seconds; before > 0; before -= stepSeconds) {
    wall.mock.mockImplementation(() => wallMs - 1000 * before);
    steady.mock.mockImplementation(() => steadyMs - 1000 * before);
    call.step();
  }
  wall.mock.restore();
  steady.mock.restore();
}

interface Colour {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
}

/** Contrast of two colours as WCAG 2.2 defines it, 1 to 21. */
function contrast(one: Colour, other: Colour): number {
  const luminance = ({ red, green, blue }: Colour) => {
    const [r, g, b] = [red, green, blue].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

const parseColour = (text: string): Colour => {
  const [red = Number.NaN, green = Number.NaN, blue = Number.NaN] = (text.match(/[\d.]+/g) ?? []).map(Number);
  return { red, green, blue };
};

describe('the dashboard in headless Chromium', () => {
  let browser: Browser;
  const errors: string[] = [];

  before(async () => {
    browser = await launch();
  });
  after(() => browser?.close());

  async function open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
    page.setDefaultTimeout(timeoutMs);
    page.on('pageerror', (error) => errors.push(error.stack ?? error.message));
    page.on('console', (message) => {
      // That something was not allowed is said by the browser too.
      if (message.type() === 'error' && !/40[13]/.test(message.text())) errors.push(message.text());
    });
    await page.goto(url);
    return page;
  }

  async function picture(page: Page, name: string): Promise<void> {
    if (picturesFolder === undefined) return;
    mkdirSync(picturesFolder, { recursive: true });
    await page.screenshot({ path: join(picturesFolder, `${name}.png`) });
  }

  const rows = (page: Page) => page.locator('tr.producer');
  const live = (page: Page) =>
    page
      .getByRole('status')
      .filter({ hasText: /^live$/ })
      .waitFor();
  const focused = (page: Page) =>
    page.evaluate<string>(
      `(() => { let at = document.activeElement; while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
        return at === null ? '' : [at.tagName.toLowerCase(), at.value ?? '', at.textContent].join(' ').replace(/\\s+/g, ' ').trim(); })()`,
    );

  describe('with 4 participants', () => {
    let call: SimulatedCall;
    let site: DashboardSite;
    before(async () => {
      call = await SimulatedCall.create(4);
      const embedding = `<!doctype html><title>A desk</title>
        <script type="module" src="/quality/mos-dashboard.js"></script>
        <mos-dashboard router-id="${call.router.id}" token="${dashboardToken}" theme="dark"></mos-dashboard>
        <iframe src="/quality/#participant-id=Participant+2&amp;token=${dashboardToken}"></iframe>`;
      site = await startDashboardSite(call.observer, embedding);
      pretendPast(call, 3600, 2);
      call.start();
    });
    after(async () => {
      await site?.close();
      await call?.close();
    });

    test('shows each with score, interval, state, network, and the last hour from before the page was opened', async () => {
      const page = await open(site.page());
      await live(page);
      assert.equal(await rows(page).count(), 4);
      for (const { participantId = '' } of call.observer.snapshot) {
        await page.locator(`tr[data-participant-id="${participantId}"]`).waitFor();
      }
      await page.getByRole('radio', { name: 'hour', exact: true }).check();
      const poor = rows(page).filter({ hasText: 'Participant 2' });
      await poor
        .getByRole('img', { name: /^Last 60 min: scores from \d\.\d to \d\.\d; no score: silence \d+ min/ })
        .waitFor();
      await poor.filter({ hasText: /[1-5]\.\d\d[1-5]\.\d to [1-5]\.\d▼?poor/ }).waitFor();
      await poor.filter({ hasText: /⚠ low score.*E-model [1-4]\.\d[\d.]+ % lost, jitter \d+ ms/ }).waitFor();
      await picture(page, '4-light-hour');
      await page.getByRole('radio', { name: 'minute', exact: true }).check();
      await rows(page)
        .first()
        .getByRole('img', { name: /^Last 1 min: / })
        .waitFor();
      await picture(page, '4-light');
      await page.close();
    });

    test('shows trouble first: a headline, the worst on top, scores in the colour of their state', async () => {
      const page = await open(site.page(), { colorScheme: 'light' });
      await live(page);
      await page
        .locator('.headline')
        .filter({ hasText: /^\d of 4 poor: / })
        .waitFor();
      const first = rows(page).first();
      await first.filter({ hasText: 'poor' }).waitFor();
      assert.equal(await first.locator('.mos').evaluate((node) => getComputedStyle(node).color), 'rgb(178, 58, 0)');
      await page.close();
    });

    test('names the score, interval and network figure at the pointer', async () => {
      const page = await open(site.page());
      await live(page);
      const canvas = rows(page).filter({ hasText: 'Participant 2' }).locator('canvas');
      await page.getByRole('radio', { name: 'hour', exact: true }).check();
      const box = await canvas.boundingBox();
      assert.ok(box);
      await until('a score is pointed at', async () => {
        for (let share = 0.95; share > 0.3; share -= 0.05) {
          await page.mouse.move(box.x + share * box.width, box.y + box.height / 3);
          const text = await page.locator('.tooltip').textContent();
          if (/^\d\d:\d\d:\d\d {2}score [1-5]\.\d \([1-5]\.\d to [1-5]\.\d\), E-model [1-5]\.\d$/.test(text ?? ''))
            return true;
        }
        return false;
      });
      await picture(page, '4-tooltip');
      await page.mouse.move(0, 0);
      await page.locator('.tooltip').waitFor({ state: 'hidden' });
      await page.close();
    });

    test('downloads the curves that are shown as CSV', async () => {
      const page = await open(site.page());
      await live(page);
      await page.getByRole('radio', { name: 'hour', exact: true }).check();
      await page.getByLabel('Find by name').fill('Participant 2');
      await until('one row is found', async () => (await rows(page).count()) === 1);
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'CSV' }).click(),
      ]);
      assert.match(download.suggestedFilename(), /^speech-quality-[\dT-]+\.csv$/);
      const lines = readFileSync(await download.path(), 'utf8')
        .trim()
        .split('\r\n');
      assert.equal(lines[0], 'time,participant,producerId,mosLqo,lower,upper,mosCqe,noScoreReason');
      assert.ok(lines.length > 100, `${lines.length} lines`);
      for (const line of lines.slice(1)) assert.match(line, /^\d{4}-[\dT:.-]+Z,Participant 2,/);
      await page.close();
    });

    test('what is drawn is there: the line, the hatch, and nothing in place of a score', async () => {
      const page = await open(site.page(), { colorScheme: 'light' });
      await live(page);
      await page.getByRole('radio', { name: 'hour', exact: true }).check();
      const canvas = page.locator('canvas').nth(1);
      const colours = await canvas.evaluate((element) => {
        const { width, height } = element as HTMLCanvasElement;
        const { data } = (element as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height) ?? {
          data: [],
        };
        const seen = new Set<string>();
        for (let at = 0; at < data.length; at += 4)
          if (data[at + 3] === 255) seen.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
        return [...seen];
      });
      assert.ok(colours.includes('11,92,173'), `the line's colour is among ${colours.slice(0, 20)}`);
      await page.close();
    });

    test('goes by keyboard alone', async () => {
      const page = await open(site.page());
      await live(page);
      const press = async (...keys: string[]) => {
        for (const key of keys) await page.keyboard.press(key);
        return focused(page);
      };
      assert.match(await press('Tab'), /^input all/);
      assert.match(await press('Tab'), /^input minute/);
      assert.match(await press('ArrowRight', 'ArrowRight'), /^input hour/);
      await page.getByRole('columnheader', { name: 'Last hour' }).waitFor();
      assert.match(await press('Tab'), /^select worst/);
      await page.getByRole('combobox', { name: 'Order' }).selectOption('name');
      assert.match(await press('Tab'), /^input/);
      assert.match(await press('Tab'), /^input on/, 'show past participants');
      assert.match(await press('Tab'), /^button.*CSV/);
      assert.match(await press('Tab'), /^button Participant 1/);
      assert.match(await press('ArrowDown', 'ArrowDown'), /^button Participant 3/);
      assert.match(await press('ArrowUp'), /^button Participant 2/);
      assert.match(await press('End'), /^button Participant 4/);
      assert.match(await press('Home', 'ArrowUp'), /^button Participant 1/);
      await press('Enter');
      await page.getByRole('button', { name: 'Participant 1', expanded: true }).waitFor();
      await page.getByText(/^scores from .*; no score: /).waitFor();
      await picture(page, '4-keyboard-details');
      assert.match(await focused(page), /^button Participant 1/, 'the focus stays while scores come');
      await press('Enter');
      await page.getByRole('button', { name: 'Participant 1', expanded: false }).waitFor();
      assert.match(await press('Tab'), /^body/, 'rows are one stop');
      assert.match(await press('Shift+Tab', 'Shift+Tab', 'Shift+Tab', 'Shift+Tab', 'Shift+Tab'), /^select/);
      await press('w');
      await rows(page).first().filter({ hasText: 'Participant 2' }).waitFor();
      assert.match(await press('Tab'), /^input/);
      await page.keyboard.type('4');
      await until('one row is found', async () => (await rows(page).count()) === 1);
      await page.close();
    });

    test('is embedded as an element under a strict policy, and as a frame', async () => {
      const page = await open(`${site.origin}/`);
      await live(page);
      assert.equal(await rows(page).count(), 4);
      assert.equal(
        await rows(page)
          .first()
          .evaluate((row) => getComputedStyle(row).display),
        'table-row',
      );
      const frame = page.frameLocator('iframe');
      await frame.getByRole('button', { name: 'Participant 2' }).waitFor();
      assert.equal(await frame.locator('tr.producer').count(), 1);
      await page.close();
    });

    test('says that it is refused, and why, without rows', async () => {
      const page = await open(site.page({ token: 'guessed' }));
      await page.getByRole('status').filter({ hasText: 'not allowed to subscribe to this' }).waitFor();
      assert.equal(await rows(page).count(), 0);
      await page.close();
    });

    test('without a router named it shows the only one', async () => {
      const page = await open(`${site.origin}/quality/#token=${dashboardToken}`);
      await live(page);
      assert.equal(await rows(page).count(), 4);
      await page.close();
    });

    test('without a router named and without leave it asks for both', async () => {
      const page = await open(`${site.origin}/quality/`);
      await page
        .getByRole('status')
        .filter({ hasText: 'not allowed. Give one of router-id, producer-id, participant-id' })
        .waitFor();
      await page.close();
    });

    test('names a router that the server does not observe', async () => {
      const page = await open(site.page({ 'router-id': 'mistyped' }));
      await page.getByRole('status').filter({ hasText: "observes no router 'mistyped'" }).waitFor();
      await page.close();
    });

    test('goes on after the connection was lost', async () => {
      const page = await open(site.page());
      await live(page);
      for (const socket of await site.feed.namespace.fetchSockets()) socket.disconnect(true);
      await page.getByRole('status').filter({ hasText: 'trying again' }).waitFor();
      await live(page);
      assert.equal(await rows(page).count(), 4);
      await page.close();
    });

    for (const colorScheme of ['light', 'dark'] as const) {
      test(`every text has enough contrast, ${colorScheme}`, async (t) => {
        const page = await open(site.page(), { colorScheme });
        await live(page);
        const pairs = await page.evaluate<[what: string, colour: string, ground: string][]>(`(() => {
          const root = document.querySelector('mos-dashboard').shadowRoot;
          const groundOf = (node) => {
            for (let at = node; at; at = at.parentElement ?? at.getRootNode().host) {
              const { backgroundColor } = getComputedStyle(at);
              if (!/, 0\\)$/.test(backgroundColor)) return backgroundColor;
            }
            return getComputedStyle(document.documentElement).backgroundColor;
          };
          return [...root.querySelectorAll('*')]
            .filter((node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
            .map((node) => [node.className || node.tagName, getComputedStyle(node).color, groundOf(node)]);
        })()`);
        assert.ok(pairs.length > 20);
        const worst = pairs
          .map(([what, colour, ground]) => ({ what, ratio: contrast(parseColour(colour), parseColour(ground)) }))
          .sort((a, b) => a.ratio - b.ratio)[0];
        t.diagnostic(`least: ${worst?.ratio.toFixed(2)} (${worst?.what})`);
        assert.ok(worst && worst.ratio >= 4.5, JSON.stringify(worst));
        await picture(page, `4-${colorScheme}`);
        await page.close();
      });
    }

    test('who left is kept for those who want to see', async () => {
      const page = await open(site.page());
      await live(page);
      call.leave(0);
      await until('the row is gone', async () => (await rows(page).count()) === 3);
      await page.getByLabel('show past participants').check();
      await rows(page)
        .filter({ hasText: /Participant 1.*left/ })
        .waitFor();
      const later = await open(site.page());
      await live(later);
      assert.equal(await rows(later).count(), 3);
      await later.getByLabel('show past participants').check();
      await rows(later)
        .filter({ hasText: /Participant 1.*left/ })
        .waitFor();
      await page.close();
      await later.close();
    });
  });

  for (const { participants, stepSeconds } of [
    { participants: 30, stepSeconds: 10 },
    { participants: 200, stepSeconds: 60 },
  ]) {
    test(`with ${participants} participants: draws those seen, orders and finds, light, dark and narrow`, async (t) => {
      const call = await SimulatedCall.create(participants);
      const site = await startDashboardSite(call.observer);
      pretendPast(call, 3600, stepSeconds);
      call.start();
      try {
        const page = await open(site.page());
        await live(page);
        assert.equal(await rows(page).count(), participants);
        const drawn = () =>
          page.locator('canvas').evaluateAll((all) => all.filter((one) => (one as HTMLCanvasElement).width > 0).length);
        await until('those on the screen are drawn', async () => (await drawn()) > 5);
        assert.ok((await drawn()) <= 15, `${await drawn()} curves are drawn`);

        const measured = await page.evaluate<{
          frames: number;
          median: number;
          p95: number;
        }>(`new Promise((resolve) => {
          const gaps = [];
          let last = performance.now();
          const endMs = last + 5000;
          const frame = (now) => {
            gaps.push(now - last);
            last = now;
            scrollBy(0, 6);
            if (now < endMs) return requestAnimationFrame(frame);
            gaps.sort((a, b) => a - b);
            resolve({ frames: gaps.length, median: gaps[gaps.length >> 1], p95: gaps[Math.floor(0.95 * gaps.length)] });
          };
          requestAnimationFrame(frame);
        })`);
        t.diagnostic(
          `scrolling: ${measured.frames} frames in 5 s, ${measured.median.toFixed(1)} ms in the median, 95 % below ${measured.p95.toFixed(1)} ms`,
        );
        await page.evaluate('scrollTo(0, 0)');
        await picture(page, `${participants}-light`);

        await rows(page).first().filter({ hasText: 'poor' }).waitFor();
        await page.getByRole('radio', { name: /Poor \d+/ }).check();
        await until('poor ones only', async () => {
          const states = await rows(page).evaluateAll((all) => all.map((row) => (row as HTMLElement).dataset.state));
          return states.length > 0 && states.every((state) => state === 'poor');
        });
        await picture(page, `${participants}-light-worst`);
        await page.getByRole('radio', { name: /All \d+/ }).check();
        await page.getByLabel('Find by name').fill(`t ${participants}`);
        await until('one is found', async () => (await rows(page).count()) === 1);
        await page.close();

        for (const [name, options] of [
          ['dark', { colorScheme: 'dark' }],
          ['narrow', { viewport: { width: 390, height: 844 } }],
        ] as const) {
          const other = await open(site.page(), options);
          await live(other);
          if (name === 'narrow') {
            await until(
              'rows begin in the upper half',
              async () => ((await rows(other).first().boundingBox())?.y ?? 999) < 422,
            );
            await picture(other, `${participants}-narrow-folded`);
            await other.getByText('Filter and order').click();
          }
          await other.getByRole('radio', { name: '10 minutes' }).check();
          await rows(other)
            .first()
            .getByRole('img', { name: /^Last 10 min: / })
            .waitFor();
          const overflow = await other.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
          assert.ok(overflow <= 0, `${overflow} px too wide`);
          await picture(other, `${participants}-${name}`);
          await other.close();
        }
      } finally {
        await site.close();
        await call.close();
      }
    });
  }

  test('no page met an error', () => {
    assert.deepEqual(errors, []);
  });
});
