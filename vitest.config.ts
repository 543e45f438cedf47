import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{packages,plugins,tools}/*/test/**/*.test.ts'],
    pool: 'forks',
    // The machine may be small and shared: time says nothing about correctness here.
    testTimeout: 120_000,
    hookTimeout: 600_000,
    maxWorkers: 2,
  },
});
