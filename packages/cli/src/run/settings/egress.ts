import { isIP } from 'node:net';
import type { ContainerSettings, EgressRule } from '@slipway/plugin-api';
import { type Flags, refusedFlag } from './flags.js';

const expected =
  'all, none, or allow=HOST[:PORT][/tcp|udp],... where HOST is a name, *.NAME, an address or a network; an IPv6 address in brackets, as [2001:db8::1]:443';

/** Our `--egress`; several lists are one. Errors: wrong use. */
export function egressOf(flags: Flags): ContainerSettings['egress'] {
  const texts = flags.options.list('egress');
  const rules: EgressRule[] = [];
  for (const text of texts) {
    if (text === 'all' || text === 'none') {
      if (texts.length > 1) throw refusedFlag(flags, 'egress', text, 'no other --egress beside it');
      return text;
    }
    const [, list] = /^allow=(.+)$/.exec(text) ?? [];
    const found = list?.split(',').map(ruleOf);
    if (found === undefined || found.includes(undefined)) throw refusedFlag(flags, 'egress', text, expected);
    rules.push(...found.filter((rule) => rule !== undefined));
  }
  return texts.length === 0 ? undefined : { allow: rules };
}

function ruleOf(text: string): EgressRule | undefined {
  const [, place = '', protocol] = /^(.*?)(?:\/(tcp|udp))?$/.exec(text) ?? [];
  const [, bracketed, plain, portText] = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(place) ?? [];
  const host = bracketed ?? plain;
  const port = portText === undefined ? undefined : Number(portText);
  if (host === undefined || !isHost(host, bracketed !== undefined)) return undefined;
  if (port !== undefined && (port < 1 || port > 65535)) return undefined;
  return {
    host,
    ...(port === undefined ? {} : { port }),
    ...(protocol === undefined ? {} : { protocol: protocol as 'tcp' | 'udp' }),
  };
}

function isHost(host: string, inBrackets: boolean): boolean {
  const [address = '', length, ...more] = host.split('/');
  const family = isIP(address);
  if (family !== 0) {
    const isNetwork = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128));
    return isNetwork && more.length === 0 && (family === 6) === inBrackets;
  }
  return (
    !inBrackets &&
    /^(?:\*\.)?[a-zA-Z0-9_](?:[a-zA-Z0-9_-]*[a-zA-Z0-9_])?(?:\.[a-zA-Z0-9_](?:[a-zA-Z0-9_-]*[a-zA-Z0-9_])?)*\.?$/.test(host)
  );
}
