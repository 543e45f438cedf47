import type { LoginResult, StackOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { activeStack } from '../stack.js';
import { keepsNone } from './login.js';

export async function logout(parts: EngineParts, host: string, { stack }: StackOptions): Promise<LoginResult> {
  const resolver = await activeStack(parts, stack).resolver();
  if (resolver.logout === undefined) throw keepsNone(host);
  return resolver.logout(host);
}
