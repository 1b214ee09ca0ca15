import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

/**
 * What axe-core finds wrong with a page, by WCAG 2.2 A and AA and its own best practices: a line for each rule and element.
 * Shadow roots and frames of the same origin are looked into.
 */
export async function faultsOf(page: Page): Promise<string[]> {
  for (const frame of page.frames()) await frame.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResults>(`axe.run(document, { resultTypes: ['violations'] })`);
  return violations.flatMap(({ id, impact, help, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) => `${id} (${impact}): ${help}: ${target.flat().join(' ')}: ${failureSummary}`,
    ),
  );
}
