/** How the bundle of a worker, `packages/x/dist/worker.js`, is called in its folder; that of its places has `.json` instead. */
export const bundleName = (worker: string): string => `${worker.replaceAll(/[^\w]+/g, '-')}.mjs`;
