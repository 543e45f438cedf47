import type { OptionSpec } from '../command.js';

const heading = 'Network:';

/** What a container is connected to: of `run` and `create`. `settings/network.ts` reads them. */
export const networkOptions: readonly OptionSpec[] = [
  {
    flags: '--network <network>',
    text: "what it joins: a network's name (or name=NET,ip=ADDRESS,mac-address=MAC,alias=NAME), none, host or container:NAME",
    repeats: true,
    completes: 'network-modes',
  },
  { flags: '--network-alias <name>', text: 'a further name in its first network', repeats: true },
  { flags: '--ip <address>', text: 'fixed IPv4 address in its first network' },
  { flags: '--ip6 <address>', text: 'fixed IPv6 address in its first network' },
  { flags: '--mac-address <mac>', text: 'of its first interface, as 02:42:ac:11:00:02' },
  {
    flags: '-p, --publish <[[host:]port:]port[/proto]>',
    text: 'let the host listen for it, as 8080:80, 127.0.0.1:53:53/udp or 8000-8010:80-90',
    repeats: true,
  },
  { flags: '-P, --publish-all', text: 'every port that the image exposes, on random ones of the host' },
  { flags: '--expose <port[/proto]>', text: 'a port, or a range, that -P publishes too', repeats: true },
  { flags: '--dns <address>', text: 'ask this server for names, instead of the networks and the host', repeats: true },
  { flags: '--dns-search <domain>', text: 'try names below it; "." for none', repeats: true },
  { flags: '--dns-option <option>', text: 'of resolv.conf, as ndots:2', repeats: true },
  {
    flags: '--add-host <name:address>',
    text: 'a line of /etc/hosts; host-gateway stands for the host',
    repeats: true,
  },
  {
    flags: '--egress <policy>',
    text: 'what it may connect to: all, none, or allow=HOST:PORT,... with names, *.NAME, addresses and networks',
    repeats: true,
  },
].map((option) => ({ ...option, heading }) as OptionSpec);
