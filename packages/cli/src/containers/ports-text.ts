import { isIPv6 } from 'node:net';
import type { PublishedPort } from '@slipway/plugin-api';

/** `0.0.0.0:8080`, `[::]:8080`. */
export function hostPlace({
  hostAddress,
  hostPort,
}: Pick<PublishedPort, 'hostAddress'> & { readonly hostPort: number | string }): string {
  return `${isIPv6(hostAddress) ? `[${hostAddress}]` : hostAddress}:${hostPort}`;
}

/** By port of the container, TCP first, IPv4 first. */
export function sortedPorts(ports: readonly PublishedPort[]): readonly PublishedPort[] {
  const family = ({ hostAddress }: PublishedPort): number => (isIPv6(hostAddress) ? 1 : 0);
  return ports.toSorted(
    (a, b) =>
      a.containerPort - b.containerPort ||
      a.protocol.localeCompare(b.protocol) ||
      family(a) - family(b) ||
      a.hostAddress.localeCompare(b.hostAddress) ||
      a.hostPort - b.hostPort,
  );
}

/** As docker writes them: `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp`; ports in a row are a range. */
export function portsText(ports: readonly PublishedPort[]): string {
  const rows: PublishedPort[][] = [];
  for (const port of sortedPorts(ports)) {
    const row = rows.find((one) => isNext(one.at(-1), port));
    if (row === undefined) rows.push([port]);
    else row.push(port);
  }
  return rows.map(rowText).join(', ');
}

function isNext(last: PublishedPort | undefined, port: PublishedPort): boolean {
  return (
    last !== undefined &&
    last.protocol === port.protocol &&
    last.hostAddress === port.hostAddress &&
    last.containerPort + 1 === port.containerPort &&
    last.hostPort + 1 === port.hostPort
  );
}

function rowText(row: readonly PublishedPort[]): string {
  const [first, last] = [row[0], row.at(-1)];
  if (first === undefined || last === undefined) return '';
  const range = (from: number, to: number): string => (from === to ? `${from}` : `${from}-${to}`);
  const host = hostPlace({ hostAddress: first.hostAddress, hostPort: range(first.hostPort, last.hostPort) });
  return `${host}->${range(first.containerPort, last.containerPort)}/${first.protocol}`;
}
