import { MemoryRegistry, memoryResolver, resolverLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';

await resolverLaws({ describe, it }, async () => {
  const origin = new MemoryRegistry();
  const resolver = memoryResolver(origin);
  return {
    instance: { resolver, origin },
    capabilities: { push: true, referrers: true },
    [Symbol.asyncDispose]: () => resolver[Symbol.asyncDispose](),
  };
});
