import { cloudKernel } from '@slipway/machine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pattern, plain, ShownPage } from '../src/shown-page.ts';

// Emulated, so that it is the same on every host.
const { kernel, modules } = cloudKernel();
const page = new ShownPage(
  'docs/machines.md',
  `[plugin.runtime-kata]\nkernel = ${JSON.stringify(kernel)}\nmodules = ${JSON.stringify(modules)}\naccel = "tcg"`,
);
beforeAll(() => page.pull());
afterAll(() => page[Symbol.asyncDispose]());

describe('docs/machines.md', () => {
  it('shows the output of every step', () => {
    expect(page.steps.length).toBeGreaterThanOrEqual(3);
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
