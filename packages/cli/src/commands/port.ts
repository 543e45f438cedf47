import { type PublishedPort, SlipwayError } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { hostPlace, portsText, sortedPorts } from '../containers/ports-text.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { usageError } from '../usage-error.js';

export const port: Action = async (invocation) => {
  const { args, global, output } = invocation;
  const [name = '', wanted] = args;
  const isWanted = wanted === undefined ? undefined : filterOf(wanted);
  const all = await withEngine(invocation, async (engine) => (await engine.containers.get(name)).ports());
  const ports = sortedPorts(isWanted === undefined ? all : all.filter(isWanted));
  if (wanted !== undefined && ports.length === 0) throw notPublished(name, wanted, all);
  const line = (one: PublishedPort): string =>
    wanted === undefined && !global.quiet ? `${one.containerPort}/${one.protocol} -> ${hostPlace(one)}` : hostPlace(one);
  output.out(global.json ? `${printableJson(ports, 2)}\n` : ports.map((one) => `${line(one)}\n`).join(''));
  return 0;
};

function filterOf(text: string): (port: PublishedPort) => boolean {
  const [, number, protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text) ?? [];
  if (number === undefined) throw usageError('port', `the port ${JSON.stringify(text)}, expected PORT or PORT/tcp, udp or sctp`);
  return (one) => one.containerPort === Number(number) && one.protocol === protocol;
}

function notPublished(name: string, wanted: string, all: readonly PublishedPort[]): SlipwayError {
  return new SlipwayError({
    kind: 'not-found',
    code: 'PORT_NOT_PUBLISHED',
    message: `container ${JSON.stringify(name)}: port ${printable(wanted)} is not published, found ${all.length === 0 ? 'none' : portsText(all)}`,
    hint: 'publish it when the container is made: slipway run -p HOSTPORT:PORT',
    details: { name, port: wanted },
  });
}
