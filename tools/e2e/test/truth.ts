import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import type { StatusRecord } from '@slipway/plugin-api';
import type { ContainerSummary } from 'slipway';
import { alive, until } from './living.ts';
import { leftInCgroups } from './machine.ts';
import { containersEver, type Place } from './place.ts';

export function statusOf(place: Place, container: string): StatusRecord | undefined {
  const file = path.join(place.root, 'containers', container, 'status.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as StatusRecord) : undefined;
}

/** Of containers and of what is executed in them, with the folder each works in. */
export function monitorsOf(place: Place): readonly { readonly pid: number; readonly folder: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      if (!/^\d+$/.test(name) || readFileSync(`/proc/${name}/comm`, 'utf8') !== 'slipway-monitor\n') return [];
      const folder = readlinkSync(`/proc/${name}/cwd`);
      return folder.startsWith(place.folder) ? [{ pid: Number(name), folder }] : [];
    } catch {
      return [];
    }
  });
}

/** Waits until what is said of each is so, and nothing is there that nothing is said of. */
export async function expectTrueStates(place: Place): Promise<readonly ContainerSummary[]> {
  let wrong: readonly string[] = [];
  // A monitor that has lost its command needs a moment to end what has not begun.
  return until(
    'true states',
    async () => {
      await using engine = await place.open();
      const found = await engine.containers.list({ all: true });
      wrong = [...found.flatMap((one) => untrueOf(place, one)), ...unsaid(place, found)];
      return wrong.length === 0 && found;
    },
    () => wrong.join('; '),
  );
}

const lives = ({ status }: ContainerSummary): boolean => status !== 'created' && status !== 'exited';

function untrueOf(place: Place, one: ContainerSummary): string[] {
  const { id, status, pid, unsupervised = false } = one;
  const as = `${one.name} is said to be ${status}${unsupervised ? ', unsupervised' : ''}`;
  // Until the record of its run is gone, it is being ended.
  if (!lives(one)) return existsSync(path.join(place.state, 'ops', `run-${id}`)) ? [`${as}, and has a record`] : [];
  if (pid === undefined || !alive(pid)) return [`${as}, and its process ${pid} does not live`];
  if (!readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id)) return [`${as}, and its process ${pid} is another's`];
  const monitor = statusOf(place, id)?.monitor.pid ?? 0;
  return alive(monitor) === unsupervised ? [`${as}, and its monitor is ${monitor}`] : [];
}

function unsaid(place: Place, found: readonly ContainerSummary[]): string[] {
  const living = found.filter(lives).map(({ id }) => id);
  const monitors = monitorsOf(place).filter(({ folder }) => !living.some((id) => folder.includes(id)));
  return [
    ...leftInCgroups(new Set(containersEver(place.state).filter((id) => !living.includes(id)))),
    ...monitors.map(({ pid, folder }) => `monitor ${pid} in ${folder}`),
  ];
}
