import type { SubnetSettings } from '@slipway/plugin-api';

/** A network that was made here, as opposed to one of the host's own configuration. */
export interface OwnNetwork {
  readonly name: string;
  /** The bridge's interface on the host; `slipway0` and so on. */
  readonly bridge: string;
  /** At most one of IPv4 and one of IPv6. */
  readonly subnets: readonly OwnSubnet[];
  readonly internal: boolean;
  /** Bytes. */
  readonly mtu: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Its configuration. */
  readonly file: string;
}

export interface OwnSubnet extends SubnetSettings {
  readonly gateway: string;
  readonly range?: string;
}
