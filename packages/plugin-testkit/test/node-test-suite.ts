import { describe, it } from 'node:test';
import { contentLaws, MemoryContentPlace, memoryContent } from '@slipway/plugin-testkit';

// Run by node:test, not by vitest: see node-test.test.ts.
const places = new Map<string, MemoryContentPlace>();

await contentLaws({ describe, it }, async (root) => {
  const place = places.get(root) ?? new MemoryContentPlace();
  places.set(root, place);
  const instance = memoryContent(place);
  return { instance, capabilities: { labels: true }, [Symbol.asyncDispose]: () => instance[Symbol.asyncDispose]() };
});
