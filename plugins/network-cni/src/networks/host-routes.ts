import { readFileSync } from 'node:fs';
import { type Cidr, parseCidr } from './addresses.js';

/** Where the host's packets go, by the kernel's tables of the network namespace of this process; default routes and those of loopback are left out. */
export function hostRoutes(): readonly { readonly network: Cidr; readonly device: string }[] {
  return [...routes4(), ...routes6()].filter(({ network, device }) => network.prefix > 0 && device !== 'lo');
}

/** Bytes; 1500 where there is no default route. */
export function defaultMtu(): number {
  const route = [...routes4(), ...routes6()].find(({ network, device }) => network.prefix === 0 && device !== 'lo');
  return (route === undefined ? undefined : mtuOf(route.device)) ?? 1500;
}

/** Of an interface of the host. As /proc/sys/net tells it: other than /sys/class/net it is that of the reader's own namespace. */
export function mtuOf(device: string): number | undefined {
  const mtu = Number(read(`/proc/sys/net/ipv6/conf/${device}/mtu`));
  return Number.isInteger(mtu) && mtu > 0 ? mtu : undefined;
}

/** Whether the host has an interface of that name. */
export function hasInterface(device: string): boolean {
  return interfaces().includes(device);
}

/** Names of the host's interfaces. */
export function interfaces(): readonly string[] {
  return read('/proc/self/net/dev')
    .split('\n')
    .flatMap((line) => /^\s*([^\s:]+):/.exec(line)?.[1] ?? []);
}

function routes4(): { readonly network: Cidr; readonly device: string }[] {
  return read('/proc/self/net/route')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.split(/\s+/);
      const [device = '', destination = '', mask = ''] = [fields[0], fields[1], fields[7]];
      if (destination.length !== 8) return [];
      const ones = [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === '1').length;
      // In the byte order of the machine, which is little endian wherever Node runs on Linux but s390x.
      const address = Buffer.from(destination, 'hex').reverse().join('.');
      const network = parseCidr(`${address}/${ones}`);
      return network === undefined ? [] : [{ network, device }];
    });
}

function routes6(): { readonly network: Cidr; readonly device: string }[] {
  return read('/proc/self/net/ipv6_route')
    .split('\n')
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const [destination = '', length = '', device = ''] = [fields[0], fields[1], fields[9]];
      if (destination.length !== 32) return [];
      // Link-local and multicast networks are on every interface.
      if (/^(fe8|ff)/.test(destination)) return [];
      const network = parseCidr(`${destination.match(/.{4}/g)?.join(':')}/${Number.parseInt(length, 16)}`);
      return network === undefined ? [] : [{ network, device }];
    });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
