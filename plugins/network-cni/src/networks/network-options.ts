import type { CreateNetworkOptions } from '@slipway/plugin-api';
import { invalid } from '../errors.js';

type Texts = Readonly<Record<string, string>>;

const known = new Set(['bridge']);

/** Errors: `invalid-argument`. */
export function checkedNetworkOptions(
  name: string,
  { driver, mtu, labels = {}, options = {}, subnets = [] }: CreateNetworkOptions,
): { readonly labels: Texts; readonly options: Texts } {
  const what = `create network "${name}"`;
  if (driver !== undefined && driver !== 'bridge') {
    throw invalid(
      what,
      `the driver ${JSON.stringify(driver)} is not known, expected bridge`,
      'for another kind put a CNI configuration of your own into the folder of the host (/etc/cni/net.d)',
    );
  }
  // 68 is the least that IPv4 allows (RFC 791), 1280 that of IPv6 (RFC 8200).
  const least = subnets.some(({ subnet }) => String(subnet).includes(':')) ? 1280 : 68;
  if (mtu !== undefined && (!Number.isInteger(mtu) || mtu < least || mtu > 65_535)) {
    throw invalid(what, `the MTU is ${mtu}, expected ${least} to 65535`);
  }
  for (const [key, value] of Object.entries(labels)) {
    if (typeof value !== 'string') throw invalid(what, `the label ${JSON.stringify(key)} is no text`);
  }
  for (const [key, value] of Object.entries(options)) {
    if (!known.has(key)) throw invalid(what, `the option ${JSON.stringify(key)} is not known`, 'the driver takes: bridge');
    if (typeof value !== 'string') throw invalid(what, `the option "${key}" is no text`);
  }
  return { labels: { ...labels }, options: { ...options } };
}
