import { type AttachNetworksRequest, type Network, type NetworkAttachment, SlipwayError } from '@slipway/plugin-api';

/** Keeps who is attached, and fails where it is told to. It touches no network: for faults alone. */
export class FakeNetwork {
  readonly attached = new Map<string, NetworkAttachment[]>();
  readonly calls: string[] = [];
  failing: string | undefined;

  get network(): Network {
    const answer = <T>(what: string, work: () => T): Promise<T> => {
      this.calls.push(what);
      if (this.failing === what)
        return Promise.reject(new SlipwayError({ kind: 'internal', code: 'FAKE', message: `${what} fails` }));
      return Promise.resolve(work());
    };
    return {
      attach: ({ id, networks }: AttachNetworksRequest) =>
        answer('attach', () => {
          const own = networks.map(({ network }) => attachmentOf(network));
          this.attached.set(id, [...(this.attached.get(id) ?? []), ...own]);
          return own;
        }),
      detach: (id: string, { network }: { network?: string } = {}) =>
        answer('detach', () => {
          const rest = network === undefined ? [] : (this.attached.get(id) ?? []).filter((one) => one.network !== network);
          if (rest.length === 0) this.attached.delete(id);
          else this.attached.set(id, rest);
        }),
      attachments: (id: string) => answer('attachments', () => this.attached.get(id) ?? []),
      cleanup: (living: ReadonlySet<string>) =>
        answer('cleanup', () => {
          for (const id of this.attached.keys()) if (!living.has(id)) this.attached.delete(id);
        }),
    } as unknown as Network;
  }
}

function attachmentOf(network: string): NetworkAttachment {
  const rest = { interface: 'eth0', mac: '02:00:00:00:00:01', mtu: 1500, nameservers: [], search: [] };
  return { network, ...rest, addresses: ['10.0.0.2/24'], gateways: ['10.0.0.1'] };
}
