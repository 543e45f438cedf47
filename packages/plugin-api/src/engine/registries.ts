import type { LoginResult, RegistryCredentials } from '../resolve/index.js';
import type { StackOptions } from './index.js';

/**
 * Credentials of registries, as the stack's resolver keeps them.
 *
 * @stable
 * @since 0.1
 */
export interface Registries {
  /** Tries the credentials and keeps them for later. Errors: `permission-denied`, `unavailable`, `unimplemented` (the resolver keeps none). */
  login(host: string, credentials: RegistryCredentials, options?: RegistryOptions): Promise<LoginResult>;
  /** Errors: `not-found`, `unimplemented`. */
  logout(host: string, options?: StackOptions): Promise<LoginResult>;
}

export interface RegistryOptions extends StackOptions {
  readonly signal?: AbortSignal | undefined;
}
