import { contentLaws, MemoryContentPlace, memoryContent } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';

const places = new Map<string, MemoryContentPlace>();

await contentLaws({ describe, it }, async (root) => {
  const place = places.get(root) ?? new MemoryContentPlace();
  places.set(root, place);
  const instance = memoryContent(place);
  return { instance, capabilities: { labels: true }, [Symbol.asyncDispose]: () => instance[Symbol.asyncDispose]() };
});
