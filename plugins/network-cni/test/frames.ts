import { isIPv6 } from 'node:net';

// Frames as a hostile program writes them, byte by byte.

export const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(/[^0-9a-fA-F]/g, ''), 'hex');
export const macBytes = (mac: string): Buffer => bytes(mac);

export function ethernet(to: string, from: string, type: number, payload: Buffer): Buffer {
  return Buffer.concat([macBytes(to), macBytes(from), u16(type), payload]);
}

export function u16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(value);
  return buffer;
}

export function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const parts = (text: string | undefined): string[] => (text === undefined || text === '' ? [] : text.split(':'));
  const zeros = tail === undefined ? 0 : 8 - parts(head).length - parts(tail).length;
  return bytes([...parts(head), ...Array<string>(zeros).fill('0'), ...parts(tail)].map((part) => part.padStart(4, '0')).join(''));
}

export interface IpOptions {
  readonly fragment?: { readonly offset: number; readonly more: boolean; readonly id: number };
  readonly ttl?: number;
  /** Headers between that of IPv6 and the payload: the type of the first, and their bytes. */
  readonly extension?: { readonly type: number; readonly bytes: Buffer };
}

export const protocols = { icmp: 1, tcp: 6, udp: 17, ipv6: 41, gre: 47, icmp6: 58, sctp: 132 } as const;

export function ip(from: string, to: string, protocol: number, payload: Buffer, options: IpOptions = {}): Buffer {
  return isIPv6(to) ? ip6(from, to, protocol, payload, options) : ip4(from, to, protocol, payload, options);
}

function ip4(from: string, to: string, protocol: number, payload: Buffer, { fragment, ttl = 64 }: IpOptions): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + payload.length, 2);
  header.writeUInt16BE(fragment?.id ?? 4711, 4);
  header.writeUInt16BE(fragment === undefined ? 0 : (fragment.more ? 0x2000 : 0) | (fragment.offset / 8), 6);
  header[8] = ttl;
  header[9] = protocol;
  addressBytes(from).copy(header, 12);
  addressBytes(to).copy(header, 16);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, payload]);
}

function ip6(from: string, to: string, protocol: number, payload: Buffer, { fragment, ttl = 64, extension }: IpOptions): Buffer {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  const parts = [payload];
  let next = protocol;
  if (fragment !== undefined) {
    const part = Buffer.alloc(8);
    part[0] = next;
    part.writeUInt16BE(fragment.offset | (fragment.more ? 1 : 0), 2);
    part.writeUInt32BE(fragment.id, 4);
    parts.unshift(part);
    next = 44;
  }
  if (extension !== undefined) {
    extension.bytes[0] = next;
    parts.unshift(extension.bytes);
    next = extension.type;
  }
  header.writeUInt16BE(Buffer.concat(parts).length, 4);
  header[6] = next;
  header[7] = ttl;
  addressBytes(from).copy(header, 8);
  addressBytes(to).copy(header, 24);
  return Buffer.concat([header, ...parts]);
}

export function udp(from: string, to: string, fromPort: number, toPort: number, data: Buffer): Buffer {
  const header = Buffer.concat([u16(fromPort), u16(toPort), u16(8 + data.length), u16(0)]);
  header.writeUInt16BE(checksum(Buffer.concat([pseudo(from, to, protocols.udp, 8 + data.length), header, data])) || 0xffff, 6);
  return Buffer.concat([header, data]);
}

export const tcpFlags = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

export function tcp(from: string, to: string, fromPort: number, toPort: number, flags: number, data: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(fromPort, 0);
  header.writeUInt16BE(toPort, 2);
  header.writeUInt32BE(1000, 4);
  header.writeUInt32BE(2000, 8);
  header[12] = 0x50;
  header[13] = flags;
  header.writeUInt16BE(64_000, 14);
  header.writeUInt16BE(checksum(Buffer.concat([pseudo(from, to, protocols.tcp, 20 + data.length), header, data])), 16);
  return Buffer.concat([header, data]);
}

export function icmp(from: string, to: string, type: number, code: number, rest: Buffer): Buffer {
  const message = Buffer.concat([Buffer.from([type, code, 0, 0]), rest]);
  const summed = isIPv6(to) ? Buffer.concat([pseudo(from, to, protocols.icmp6, message.length), message]) : message;
  message.writeUInt16BE(checksum(summed), 2);
  return message;
}

export function arp(
  operation: number,
  senderMac: string,
  sender: string,
  targetMac: string,
  target: string,
  padding = Buffer.alloc(0),
): Buffer {
  return Buffer.concat([
    bytes('0001 0800 06 04'),
    u16(operation),
    macBytes(senderMac),
    addressBytes(sender),
    macBytes(targetMac),
    addressBytes(target),
    padding,
  ]);
}

function pseudo(from: string, to: string, protocol: number, length: number): Buffer {
  const end = isIPv6(to)
    ? Buffer.from([0, 0, length >> 8, length & 255, 0, 0, 0, protocol])
    : Buffer.from([0, protocol, length >> 8, length & 255]);
  return Buffer.concat([addressBytes(from), addressBytes(to), end]);
}

function checksum(data: Buffer): number {
  let sum = 0;
  for (let index = 0; index < data.length; index += 2) sum += ((data[index] ?? 0) << 8) + (data[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
