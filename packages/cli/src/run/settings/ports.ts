import { isIP } from 'node:net';
import type { PortSettings } from '@slipway/plugin-api';
import { type Flags, parsedAll, refusedFlag } from './flags.js';

type Protocol = NonNullable<PortSettings['protocol']>;

/** Ports from first to last. */
interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Docker's `-p [[HOST:]HOSTPORT:]PORT[/PROTO]`; either port may be a range. Errors: wrong use. */
export function portsOf(flags: Flags): readonly PortSettings[] {
  return flags.options.list('publish').flatMap((text) => publishedPorts(flags, text));
}

/** Of `--expose`: what `-P` publishes beside the image's own. */
export function exposedPorts(flags: Flags): readonly PortSettings[] {
  const parse = (text: string): readonly PortSettings[] | undefined => {
    const { rest, protocol } = protocolOf(text);
    const range = rangeOf(rest);
    return protocol === undefined || range === undefined
      ? undefined
      : numbers(range).map((containerPort) => ({ containerPort, protocol }));
  };
  return parsedAll(flags, 'expose', parse, 'PORT[/tcp|udp|sctp], or a range such as 8000-8010')?.flat() ?? [];
}

const form =
  '[[HOST:]HOSTPORT:]PORT[/tcp|udp|sctp], as 8080:80, 127.0.0.1::80 or 8000-8010:80-90; an IPv6 address in brackets, as [::1]:8080:80';

function publishedPorts(flags: Flags, text: string): readonly PortSettings[] {
  const refuse = (expected: string): never => {
    throw refusedFlag(flags, 'publish', text, expected);
  };
  const { rest, protocol } = protocolOf(text);
  const [, bracketed, plain, hostText, containerText = ''] =
    /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):(?=[^:]*:))?(?:([^:]*):)?([^:]*)$/.exec(rest) ?? [];
  const hostAddress = bracketed ?? plain;
  const container = rangeOf(containerText);
  if (protocol === undefined || container === undefined) return refuse(form);
  if (hostAddress !== undefined && !isAddress(hostAddress, bracketed === undefined))
    return refuse(`${form}; ${JSON.stringify(hostAddress)} is no address`);
  const host = hostText === undefined || hostText === '' ? undefined : rangeOf(hostText, 0);
  if (hostText !== undefined && hostText !== '' && host === undefined) return refuse(form);
  if (host !== undefined && host.last - host.first !== container.last - container.first)
    return refuse('ranges of the same length; without a port of the host a free one is taken: -p PORT');
  return numbers(container).map((containerPort, index) => ({
    containerPort,
    ...(host === undefined || host.first === 0 ? {} : { hostPort: host.first + index }),
    ...(hostAddress === undefined ? {} : { hostAddress }),
    ...(protocol === 'tcp' ? {} : { protocol }),
  }));
}

function isAddress(text: string, plain: boolean): boolean {
  return isIP(text) === (plain ? 4 : 6);
}

function protocolOf(text: string): { readonly rest: string; readonly protocol: Protocol | undefined } {
  const slash = text.lastIndexOf('/');
  if (slash < 0) return { rest: text, protocol: 'tcp' };
  const word = text.slice(slash + 1).toLowerCase();
  return { rest: text.slice(0, slash), protocol: (['tcp', 'udp', 'sctp'] as const).find((known) => known === word) };
}

function rangeOf(text: string, least = 1): PortRange | undefined {
  const [, firstText, lastText = firstText] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const [first, last] = [Number(firstText), Number(lastText)];
  return first >= least && last >= first && last < 65536 ? { first, last } : undefined;
}

function numbers({ first, last }: PortRange): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
