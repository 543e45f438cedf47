import { type LoginResult, type RegistryCredentials, type RegistryOptions, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { activeStack } from '../stack.js';

export async function login(
  parts: EngineParts,
  host: string,
  credentials: RegistryCredentials,
  { stack, signal }: RegistryOptions,
): Promise<LoginResult> {
  const resolver = await activeStack(parts, stack).resolver();
  if (resolver.login === undefined) throw keepsNone(host);
  return resolver.login(host, credentials, { signal });
}

/** The error of a resolver without the capability `login`. */
export function keepsNone(host: string): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'RESOLVER_WITHOUT_LOGIN',
    message: `registry ${JSON.stringify(host)}: the resolver of this stack keeps no credentials`,
    hint: 'choose a stack with another resolver (--stack)',
  });
}
