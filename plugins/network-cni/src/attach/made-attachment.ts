import { isSlipwayError, SlipwayError } from '@slipway/plugin-api';
import { type CniResult, endsOf } from '../cni/result.js';
import { isSameAddress } from '../networks/addresses.js';
import { foreignBridge } from '../networks/foreign-networks.js';
import { mtuOf } from '../networks/host-routes.js';
import type { AttachmentEntry } from './attachment-record.js';
import type { JoinPlan } from './join-plan.js';
import { withoutPrefix } from './services-of.js';

/** What the last result of a chain says. Errors: `failed-precondition` when it is not what was asked for. */
export function attachmentOf(
  { known, join, interface: name }: JoinPlan,
  result: CniResult,
): Pick<AttachmentEntry, 'attachment' | 'hostMac'> {
  const bridge = known.kind === 'own' ? known.own.bridge : foreignBridge(known.foreign);
  const ends = endsOf(result, name, bridge);
  const missing = join.addresses?.find((address) => !ends.addresses.some((each) => isSameAddress(withoutPrefix(each), address)));
  const asked = join.mac?.toLowerCase();
  if (missing !== undefined || (asked !== undefined && asked !== ends.mac)) {
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'NETWORK_ADDRESS_NOT_GIVEN',
      message: `join network "${known.name}": its plugins gave ${[...ends.addresses, ends.mac].join(', ')}, and not ${missing ?? asked}`,
      hint: 'its configuration must let the addresses be chosen: capabilities ips and mac',
    });
  }
  const configured = known.conflist.plugins.map((plugin) => plugin['mtu']).find((mtu) => typeof mtu === 'number' && mtu > 0);
  const mtu = ends.mtu ?? (ends.hostInterface === undefined ? undefined : mtuOf(ends.hostInterface));
  const isInternal = known.kind === 'own' && known.own.internal;
  return {
    attachment: {
      network: known.name,
      interface: name,
      mac: ends.mac,
      addresses: [...ends.addresses],
      gateways: isInternal ? [] : [...ends.gateways],
      mtu: mtu ?? (typeof configured === 'number' ? configured : 1500),
      ...(ends.hostInterface === undefined ? {} : { hostInterface: ends.hostInterface }),
      nameservers: [...ends.nameservers],
      search: [...ends.search],
    },
    ...(ends.hostMac === undefined ? {} : { hostMac: ends.hostMac }),
  };
}

/** host-local says by words alone why it gave none. */
export function addressError(error: unknown, { known, join }: JoinPlan): unknown {
  if (!isSlipwayError(error) || error.code !== 'CNI_PLUGIN_FAILED') return error;
  const is = (kind: 'resource-exhausted' | 'failed-precondition', code: string, message: string, hint: string): SlipwayError =>
    new SlipwayError({
      kind,
      code,
      message: `join network "${known.name}": ${message}`,
      hint,
      cause: error,
      details: { network: known.name },
    });
  if (/no IP addresses available in range set/.test(error.message)) {
    return is(
      'resource-exhausted',
      'NETWORK_FULL',
      'no address is free',
      'detach others, or create a network with a larger subnet',
    );
  }
  if (
    join.addresses !== undefined &&
    /requested IP address .* is not available|duplicate allocation|already allocated/i.test(error.message)
  ) {
    return is(
      'failed-precondition',
      'NETWORK_ADDRESS_TAKEN',
      `the address ${join.addresses.join(', ')} is taken`,
      'choose another, or none',
    );
  }
  return error;
}
