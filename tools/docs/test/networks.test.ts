import { linux } from '@slipway/linux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pattern, plain, ShownPage } from '../src/shown-page.ts';

// On the network of a machine of its own, which goes with this process.
linux.enterNetworkNamespace(linux.createNetworkNamespace());
const page = new ShownPage('docs/networks.md');
beforeAll(() => page.pull());
afterAll(() => page[Symbol.asyncDispose]());

describe('docs/networks.md', () => {
  it('shows the output of every step', () => {
    expect(page.steps.length).toBeGreaterThanOrEqual(8);
    for (const { line, shown } of page.steps) expect(shown?.language, `after line ${line}`).toBe('text');
  });

  it.each(page.steps)('the commands of line $line print what the page shows', async ({ script, shown }) => {
    const { status, output } = await page.shell(script);
    expect(plain(output)).toMatch(pattern(plain(shown?.text ?? '')));
    expect(status).toBe(0);
  });

  it('leaves nothing running', async () => {
    expect(await page.shell('slipway ps -aq')).toEqual({ status: 0, output: '' });
  });
});
