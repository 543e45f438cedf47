import { type ContainerSettings, SlipwayError } from '@slipway/plugin-api';
import type { HostFacts } from '../host-facts.js';
import { invalid, quote } from '../invalid.js';
import { nearNames } from '../near-names.js';
import { defaultCapabilities } from './default-capabilities.js';
import { capabilityNames } from './names.js';

/**
 * The default set, or all of a privileged container, without what is dropped, with what is added; `ALL` stands for every one that we have.
 * Nobody can give what they have not: the kernel takes it from whoever we start. Of the default set and of `ALL` that is left out, asked
 * for by name it is an error. Unlike Docker's, a privileged container loses what is dropped.
 * Errors: `CAPABILITY_UNKNOWN`; `failed-precondition` with `CAPABILITY_MISSING`.
 */
export function processCapabilities(
  { privileged = false, capAdd = [], capDrop = [] }: Pick<ContainerSettings, 'privileged' | 'capAdd' | 'capDrop'>,
  host: Pick<HostFacts, 'capabilities'>,
): readonly string[] {
  const added = capAdd.map(parseCapability);
  const dropped = new Set(capDrop.map(parseCapability));
  for (const name of added) if (name !== 'ALL' && !host.capabilities.includes(name)) throw missing(name);
  const all = privileged || added.includes('ALL');
  const wanted = dropped.has('ALL') && !added.includes('ALL') ? [] : all ? capabilityNames : defaultCapabilities;
  // As with Docker, what is named in both is there.
  const kept = wanted.filter((name) => !dropped.has(name));
  const chosen = new Set([...kept, ...added]);
  return capabilityNames.filter((name) => chosen.has(name) && host.capabilities.includes(name));
}

/** `CAP_NET_ADMIN` from `net_admin`, `NET_ADMIN` or itself; `ALL` from `all` or `CAP_ALL`. */
function parseCapability(text: string): string {
  const name = text.toUpperCase().replace(/^CAP_/, '');
  if (name === 'ALL') return name;
  const full = `CAP_${name}`;
  if (capabilityNames.includes(full)) return full;
  const near = nearNames(
    name,
    capabilityNames.map((one) => one.slice('CAP_'.length)),
  );
  throw invalid('CAPABILITY_UNKNOWN', `Capability ${quote(text)} is none that is known`, {
    hint:
      near.length > 0
        ? `did you mean ${near.join(', ')}?`
        : 'give a name of capabilities(7), as in NET_ADMIN or CAP_NET_ADMIN, or ALL',
    details: { near },
  });
}

function missing(name: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CAPABILITY_MISSING',
    message: `Capability ${quote(name)} cannot be given: this process, or this kernel, does not have it itself`,
    hint: 'leave it out, or start Slipway with it; `grep CapBnd /proc/self/status` shows what there is',
    details: { capability: name },
  });
}
