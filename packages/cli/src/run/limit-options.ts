import type { OptionSpec } from '../command.js';

const heading = 'Limits:';

/** What a container may use: of `run`, `create` and `update`. */
export const limitOptions: readonly OptionSpec[] = [
  { flags: '-m, --memory <size>', text: 'memory, as 512m or 2g', heading },
  { flags: '--memory-reservation <size>', text: 'memory that it is pressed back to when the host runs short', heading },
  { flags: '--memory-swap <size>', text: 'memory and swap together; -1: no limit of swap', heading },
  { flags: '--cpus <count>', text: 'processors, as 1.5', heading },
  { flags: '-c, --cpu-shares <weight>', text: 'share of the processors against others (1024)', heading },
  { flags: '--cpu-period <microseconds>', text: 'length of a period of --cpu-quota', heading },
  { flags: '--cpu-quota <microseconds>', text: 'time of processors in a period; -1: no limit', heading },
  { flags: '--cpuset-cpus <list>', text: 'only these processors, as 0-3,5', heading },
  { flags: '--cpuset-mems <list>', text: 'only these memory nodes', heading },
  { flags: '--pids-limit <count>', text: 'processes and threads; -1: no limit', heading },
  { flags: '--blkio-weight <weight>', text: 'share of disks against others, 10 to 1000', heading },
];
