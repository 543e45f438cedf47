import type { ContainerSettings, RuntimeSeccomp } from '@slipway/plugin-api';
import { invalid, quote } from '../invalid.js';
import { ownProfile } from './own-profile.js';
import { type SeccompFacts, seccompProfile } from './profile.js';

/** The filter of a container, undefined for none: a privileged one has one only when it is asked for. Errors: `SECCOMP_INVALID`, `unimplemented`. */
export function containerSeccomp(
  { seccomp, privileged = false }: Pick<ContainerSettings, 'seccomp' | 'privileged'>,
  facts: SeccompFacts,
): RuntimeSeccomp | undefined {
  const chosen = seccomp === undefined ? (privileged ? 'unconfined' : 'default') : seccomp;
  if (chosen === 'unconfined') return undefined;
  if (chosen === 'default') return seccompProfile(facts);
  if (typeof chosen === 'string')
    throw invalid('SECCOMP_INVALID', `Seccomp profile ${quote(chosen)} is not default, unconfined or a profile`);
  return ownProfile(chosen, facts);
}
