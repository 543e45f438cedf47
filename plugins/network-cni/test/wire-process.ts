import { createRequire } from 'node:module';

// A program with a packet socket (packet(7)) on an interface of its network namespace: it sends frames as they are given, and keeps those that come.

const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
const libc = koffi.load(null);
const socket = libc.func('int socket(int, int, int)');
const bind = libc.func('int bind(int, const void *, int)');
const sendto = libc.func('long sendto(int, const void *, size_t, int, const void *, int)');
const recv = libc.func('long recv(int, void *, size_t, int)');
const nameToIndex = libc.func('unsigned int if_nametoindex(const char *)');

const [AF_PACKET, SOCK_RAW, SOCK_CLOEXEC, MSG_DONTWAIT] = [17, 3, 0o2000000, 0x40];
const everyProtocol = 0x0300;

export type WireRequest = { readonly send: readonly string[] } | { readonly take: true };

const address = Buffer.alloc(20);
address.writeUInt16LE(AF_PACKET, 0);
address.writeUInt16LE(everyProtocol, 2);
address.writeInt32LE(nameToIndex(process.argv[2] ?? 'eth0') as number, 4);
address[11] = 6;
const fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, everyProtocol) as number;
if (fd < 0 || (bind(fd, address, address.length) as number) < 0) throw new Error('no packet socket');

const taken: string[] = [];
const room = Buffer.alloc(65_536);
function receive(): void {
  for (;;) {
    const size = Number(recv(fd, room, room.length, MSG_DONTWAIT));
    if (size <= 0) return;
    taken.push(room.subarray(0, size).toString('hex'));
  }
}

process.on('message', ({ call, request }: { readonly call: number; readonly request: WireRequest }) => {
  let answer: unknown = true;
  if ('send' in request) {
    for (const frame of request.send) {
      const data = Buffer.from(frame, 'hex');
      sendto(fd, data, data.length, 0, address, address.length);
    }
  } else {
    receive();
    answer = taken.splice(0);
  }
  process.send?.({ call, answer });
});
setInterval(receive, 2);
process.send?.({ call: 0, answer: true });
