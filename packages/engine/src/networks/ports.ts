import { isIPv6 } from 'node:net';
import type { ContainerSettings, ImageConfig, PortSettings, PublishedPort } from '@slipway/plugin-api';

/** Every port that is to be published, with what the image names where that was asked for. */
export function wantedPorts(
  { ports = [], publishAll = false }: Pick<ContainerSettings, 'ports' | 'publishAll'>,
  image: ImageConfig,
): readonly PortSettings[] {
  if (!publishAll) return ports;
  const isNamed = ({ containerPort, protocol = 'tcp' }: PortSettings): boolean =>
    ports.some((port) => port.containerPort === containerPort && (port.protocol ?? 'tcp') === protocol);
  return [...ports, ...exposedPorts(image).filter((port) => !isNamed(port))];
}

/** `80`, `80/tcp`, `8000-8010/udp`; what is none of these is left out, as an image may say anything. */
function exposedPorts(image: ImageConfig): PortSettings[] {
  return Object.keys(image.config?.ExposedPorts ?? {}).flatMap((text) => {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(text);
    if (match === null) return [];
    const [, first = '', last = first, protocol = 'tcp'] = match;
    const [from, to] = [Number(first), Number(last)];
    if (from < 1 || to > 65_535 || from > to) return [];
    return Array.from({ length: to - from + 1 }, (_, n) => ({ containerPort: from + n, protocol: protocol as 'tcp' }));
  });
}

/** Of one family: those of the container's addresses are what the host can pass on. */
export function isOfFamily({ hostAddress }: Pick<PublishedPort, 'hostAddress'>, addresses: readonly string[]): boolean {
  return addresses.some((address) => address.includes(':') === isIPv6(hostAddress));
}

/** As people write it: `0.0.0.0:8080`, `[::]:8080`. */
export function describePort({ hostAddress, hostPort, protocol }: Omit<PublishedPort, 'containerPort'>): string {
  return `${isIPv6(hostAddress) ? `[${hostAddress}]` : hostAddress}:${hostPort}/${protocol}`;
}
