import type { EgressPolicy } from '@slipway/plugin-api';
import { refusal } from '../errors.js';
import type { JoinedNetwork, RestrictedAttachment } from '../services.js';
import type { AttachmentEntry, AttachmentRecord } from './attachment-record.js';
import type { AttachPlace } from './place.js';

/** What is in the record of a policy, as the contract has it. */
export function egressOf(policy: EgressPolicy): NonNullable<AttachmentRecord['egress']> {
  return {
    allow: policy.allow.map(({ host, port, protocol }) => ({
      host,
      ...(port === undefined ? {} : { port }),
      ...(protocol === undefined ? {} : { protocol }),
    })),
  };
}

/** Egress rules for what the container is attached to now. Returns whom its resolver is to ask. */
export async function restrictAgain(
  place: AttachPlace,
  { id, egress: policy, entries, nameservers: upstream }: AttachmentRecord,
): Promise<readonly string[]> {
  const nameservers = upstream ?? [...new Set(entries.flatMap(({ attachment }) => attachment?.nameservers ?? []))];
  if (policy === undefined) return nameservers;
  const { egress } = await place.services();
  return (await egress.restrict(id, policy, entries.flatMap(restricted), nameservers)).nameservers;
}

/** The networks of ours that are known to be made. */
export function joinedNetworks(entries: readonly AttachmentEntry[]): JoinedNetwork[] {
  return entries.flatMap(({ own, attachment }) =>
    own === undefined || attachment === undefined ? [] : [{ network: own, addresses: attachment.addresses.map(withoutPrefix) }],
  );
}

/** None of an entry that nothing was made of. Errors: `unimplemented` where there is nothing that rules could be bound to. */
function restricted({ network, attachment }: AttachmentEntry): RestrictedAttachment[] {
  if (attachment === undefined) return [];
  const { hostInterface, mac, addresses } = attachment;
  if (hostInterface !== undefined) return [{ hostInterface, mac, addresses }];
  throw refusal(
    'unimplemented',
    'EGRESS_NOT_ENFORCED',
    `an egress policy in network "${network}": its plugins give no interface on the host that rules could be bound to`,
    'join networks with a bridge, or allow everything',
    { network },
  );
}

/** `10.88.0.2/16` without the length. */
export const withoutPrefix = (address: string): string => address.replace(/\/.*$/, '');
