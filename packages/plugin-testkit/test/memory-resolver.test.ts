import { MemoryRegistry, memoryResolver, resolverLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';

resolverLaws({ describe, it }, async () => {
  const origin = new MemoryRegistry();
  const resolver = memoryResolver(origin);
  return { instance: { resolver, origin }, capabilities: {}, [Symbol.asyncDispose]: () => resolver[Symbol.asyncDispose]() };
});
