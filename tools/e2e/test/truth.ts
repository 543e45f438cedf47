import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { StatusRecord } from '@slipway/plugin-api';
import type { ContainerSummary } from 'slipway';
import { alive, until } from './living.ts';
import { leftInCgroups, monitorsIn } from './machine.ts';
import { containersEver, type Place } from './place.ts';

export function statusOf(place: Place, container: string): StatusRecord | undefined {
  const file = path.join(place.root, 'containers', container, 'status.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as StatusRecord) : undefined;
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
  const monitors = monitorsIn(place.folder).filter(({ directory }) => !living.some((id) => directory.includes(id)));
  return [
    ...leftInCgroups(new Set(containersEver(place.state).filter((id) => !living.includes(id)))),
    ...monitors.map(({ pid, directory }) => `monitor ${pid} in ${directory}`),
  ];
}
