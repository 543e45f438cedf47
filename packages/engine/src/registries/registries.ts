import type { Registries } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import type { Works } from '../works.js';

export function engineRegistries(parts: EngineParts, works: Works): Registries {
  const named = (what: string, host: string): string => `${what} ${JSON.stringify(host)}`;
  return {
    login: (host, credentials, options = {}) =>
      works.carryOut(named('log in to', host), async () => {
        const { login } = await import('./login.js');
        return login(parts, host, credentials, { ...options, signal: works.orClosing(options.signal) });
      }),
    logout: (host, options = {}) =>
      works.carryOut(named('log out of', host), async () => {
        const { logout } = await import('./logout.js');
        return logout(parts, host, options);
      }),
  };
}
