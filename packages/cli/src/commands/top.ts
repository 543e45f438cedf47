import type { ContainerProcess } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printableJson } from '../printable.js';
import { table } from '../table.js';
import { formatMemory } from '../units.js';
import { usageError } from '../usage-error.js';

const columns: Readonly<Record<string, (process: ContainerProcess) => string>> = {
  user: ({ uid }) => `${uid}`,
  pid: ({ pid }) => `${pid}`,
  ppid: ({ ppid }) => `${ppid}`,
  cpid: ({ containerPid }) => `${containerPid}`,
  state: ({ state }) => state,
  started: ({ startedAt }) => startedAt.replace(/\.\d+/, ''),
  time: ({ cpuMs }) => timeText(cpuMs),
  rss: ({ rssBytes }) => formatMemory(rssBytes),
  command: ({ command }) => command.join(' '),
};

export const top: Action = async (invocation) => {
  const { args, global, output } = invocation;
  const [name = '', ...wanted] = args;
  for (const column of wanted)
    if (!Object.hasOwn(columns, column.toLowerCase()))
      throw usageError('top', `there is no column ${JSON.stringify(column)}`, `columns are ${Object.keys(columns).join(', ')}`);
  const names = wanted.length === 0 ? Object.keys(columns) : wanted.map((column) => column.toLowerCase());
  const processes = await withEngine(invocation, async (engine) => (await engine.containers.get(name)).top());
  if (global.json) output.out(`${printableJson(processes, 2)}\n`);
  else if (global.quiet) output.out(processes.map(({ pid }) => `${pid}\n`).join(''));
  else
    output.out(
      table(
        names.map((column) => column.toUpperCase()),
        processes.map((process) => names.map((column) => columns[column]?.(process) ?? '')),
      ),
    );
  return 0;
};

/** `0:04`, `61:00`: minutes and seconds, as ps(1) has it. */
function timeText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, '0')}`;
}
