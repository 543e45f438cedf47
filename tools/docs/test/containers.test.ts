import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pattern, plain, ShownPage } from '../src/shown-page.ts';

// What touches the host's network is shown on a page of its own.
const page = new ShownPage('docs/containers.md', 'default_network = "none"');
beforeAll(() => page.pull());
afterAll(() => page[Symbol.asyncDispose]());

describe('docs/containers.md', () => {
  it('shows the output of every step', () => {
    expect(page.steps.length).toBeGreaterThanOrEqual(12);
    for (const { line, shown } of page.steps) expect(shown?.language, `after line ${line}`).toBe('text');
  });

  it.each(page.steps)('the commands of line $line print what the page shows', async ({ script, shown }) => {
    const { status, output } = await page.shell(script);
    expect(plain(output)).toMatch(pattern(plain(shown?.text ?? '')));
    expect(status).toBe(0);
  });

  it('leaves nothing running', async () => {
    expect(await page.shell('slipway ps -aq; slipway volume ls -q')).toEqual({ status: 0, output: '' });
  });
});
