import type { EgressPolicy } from '@slipway/plugin-api';
import type { RestrictedAttachment } from '../services.js';
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

function restricted({ own, attachment }: AttachmentEntry): RestrictedAttachment[] {
  if (own === undefined || attachment?.hostInterface === undefined) return [];
  const { hostInterface, mac, addresses, gateways } = attachment;
  return [{ hostInterface, mac, addresses, gateways, bridge: own.bridge }];
}

/** `10.88.0.2/16` without the length. */
export const withoutPrefix = (address: string): string => address.replace(/\/.*$/, '');
