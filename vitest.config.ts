import path from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { bundled } from './tools/test/src/bundled.ts';
import { longestFirst } from './tools/test/src/longest-first.ts';

// Hundreds of tests start processes and threads, most of whose time is the compiling of the same files. In a folder of our own,
// not in the temporary one, where names are predictable.
process.env['NODE_COMPILE_CACHE'] = path.join(import.meta.dirname, 'node_modules/.cache/compiled');
delete process.env['NODE_DISABLE_COMPILE_CACHE'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return longestFirst(await super.sort(files));
  }
}

const all = '{packages,plugins,tools}/*/test/**/*.test.ts';
/** Many small files that change nothing of their process: loading what they test took half of their time. */
const together = ['packages/engine/test/**/*.test.ts', 'plugins/resolver-registry/test/**/*.test.ts'];

export default defineConfig({
  plugins: [bundled()],
  test: {
    pool: 'forks',
    // The machine may be small and shared: time says nothing about correctness here.
    testTimeout: 120_000,
    hookTimeout: 600_000,
    // Much of the time is waiting for the disk, for other processes and for networks that are to stay silent: twice the cores of a small machine.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // What is built is loaded as it is when it is used, once in a process, and not transformed.
    server: { deps: { external: [/\/(packages|plugins|tools)\/[^/]+\/dist\//] } },
    projects: [
      { extends: true, test: { name: 'apart', include: [all], exclude: together } },
      { extends: true, test: { name: 'together', include: together, isolate: false } },
    ],
  },
});
