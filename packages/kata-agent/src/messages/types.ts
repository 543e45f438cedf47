import { messages, one } from '../wire/fields.js';

/* The network of a guest, with the numbers of Kata Containers' types.proto. */

export const ipFamilies = { v4: 0, v6: 1 } as const;

export const IPAddress = {
  family: one(1, 'int32'),
  address: one(2, 'string'),
  /** Length of the prefix, in decimal. */
  mask: one(3, 'string'),
} as const;

export const Interface = {
  /** Name that it is to have. */
  device: one(1, 'string'),
  name: one(2, 'string'),
  IPAddresses: messages(3, IPAddress),
  mtu: one(4, 'uint64'),
  /** It is found by this. */
  hwAddr: one(5, 'string'),
  devicePath: one(6, 'string'),
  type: one(7, 'string'),
  rawFlags: one(8, 'uint32'),
} as const;

export const Route = {
  /** In CIDR form; empty: the default route. */
  dest: one(1, 'string'),
  gateway: one(2, 'string'),
  device: one(3, 'string'),
  source: one(4, 'string'),
  scope: one(5, 'uint32'),
  family: one(6, 'int32'),
  /** RTNH_F_ONLINK: the gateway is on the link, whatever the addresses say. */
  flags: one(7, 'uint32'),
  mtu: one(8, 'uint32'),
  /** Our own: of several to the same destination the lowest counts. */
  metric: one(100, 'uint32'),
} as const;
