import * as fs from 'node:fs';
import type { ContainerSettings } from '@slipway/plugin-api';
import type { HostFacts } from './host-facts.js';
import { checkExecString, invalid, quote } from './invalid.js';
import { type Isolation, isOwn, type Sharing } from './isolation.js';

/** System V and POSIX message queues, semaphores and shared memory: those that belong to an IPC namespace. */
const ofIpc = ['msgmax', 'msgmnb', 'msgmni', 'sem', 'shmall', 'shmmax', 'shmmni', 'shm_rmid_forced'].map(
  (name) => `kernel.${name}`,
);

/**
 * Kernel settings of the namespaces that are the container's own, and of no other: the rest would change the host, or another container.
 * In a network of its own any user may use any port and ping, as with Docker. The NIS domain is one of them: runc before 1.2 knows no
 * other way to set it. Errors: `SYSCTL_INVALID`, `DOMAINNAME_INVALID`.
 */
export function containerSysctls(
  { sysctls = {}, domainname }: Pick<ContainerSettings, 'sysctls' | 'domainname'>,
  isolation: Isolation,
  host: Pick<HostFacts, 'sysctls'>,
): Readonly<Record<string, string>> {
  const result = new Map<string, string>();
  if (isOwn(isolation.network)) {
    const wanted = { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' };
    for (const [name, value] of Object.entries(wanted)) if (host.sysctls.includes(name)) result.set(name, value);
  }
  if (domainname !== undefined) result.set('kernel.domainname', parseDomainname(domainname, isolation));
  for (const [name, value] of Object.entries(sysctls)) {
    checkSysctl(name, value, isolation);
    result.set(name, value);
  }
  return Object.fromEntries(result);
}

function checkSysctl(name: string, value: string, isolation: Isolation): void {
  if (!/^[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)+$/.test(name) || name.length > 255)
    throw wrong(name, 'is not the name of a kernel setting', 'names have dots, as in net.ipv4.ip_forward');
  if (typeof value !== 'string' || value === '' || /[\r\n]/.test(value))
    throw wrong(name, 'has no value of one line', 'as in: --sysctl net.ipv4.ip_forward=1');
  checkExecString(`Kernel setting ${quote(name)}`, value);
  const owner = ownerOf(name, isolation);
  if (owner === undefined)
    throw wrong(name, 'is of the whole host, not of a container', 'only net.*, fs.mqueue.* and the kernel.* of IPC can be set');
  if (!isOwn(owner.how))
    throw wrong(
      name,
      `would change ${owner.kind} that the container shares with others`,
      `give it its own: leave out --${owner.kind}`,
    );
  // Those of network interfaces come with the interface, in the container alone.
  if (owner.kind !== 'network' && !fs.existsSync(`/proc/sys/${name.replaceAll('.', '/')}`))
    throw wrong(name, 'is not known to this kernel', '`sysctl -a` lists what there is');
}

function ownerOf(
  name: string,
  isolation: Isolation,
): { readonly kind: 'ipc' | 'network' | 'uts'; readonly how: Sharing } | undefined {
  if (ofIpc.includes(name) || name.startsWith('fs.mqueue.')) return { kind: 'ipc', how: isolation.ipc };
  if (name.startsWith('net.')) return { kind: 'network', how: isolation.network };
  return name === 'kernel.domainname' ? { kind: 'uts', how: isolation.uts } : undefined;
}

function parseDomainname(text: string, isolation: Isolation): string {
  if (isolation.uts !== 'own')
    throw invalid('DOMAINNAME_INVALID', `Domain name ${quote(text)} cannot be set for a container that has the host's`, {
      hint: 'leave out --domainname or --uts host',
    });
  if (text.length > 64 || !/^[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_])?$/.test(text))
    throw invalid('DOMAINNAME_INVALID', `Domain name ${quote(text)} is not 1 to 64 of a-z, A-Z, 0-9, "_", "." and "-"`);
  return text;
}

function wrong(name: string, why: string, hint: string) {
  return invalid('SYSCTL_INVALID', `Kernel setting ${quote(name)} ${why}`, { hint, details: { sysctl: name } });
}
