import type { OptionSpec } from '../command.js';
import { restartPolicies, signalNames } from '../offers.js';
import { limitOptions } from './limit-options.js';
import { networkOptions } from './network-options.js';

function under(heading: string, options: readonly OptionSpec[]): readonly OptionSpec[] {
  return options.map((option) => ({ ...option, heading }));
}

/** How a container is to be: of `run` and `create`. `settings/settings-of.ts` reads them. */
export const settingsOptions: readonly OptionSpec[] = [
  ...under('Process:', [
    {
      flags: '-e, --env <name[=value]>',
      text: 'set a variable; without a value, to the one of our own environment',
      repeats: true,
    },
    { flags: '--env-file <file>', text: 'variables from a file or a pipe, one to a line', repeats: true, completes: 'file' },
    { flags: '-w, --workdir <dir>', text: 'working directory' },
    { flags: '-u, --user <user[:group]>', text: 'names or numbers' },
    { flags: '--group-add <group>', text: 'a further group, name or number', repeats: true },
    { flags: '--entrypoint <command>', text: "replace the image's entrypoint, one word; an empty one clears it" },
    { flags: '--init', text: 'put a small process 1 in front, which reaps and passes signals on' },
    { flags: '--stop-signal <signal>', text: "what asks it to end (the image's, SIGTERM)", offers: signalNames },
    { flags: '--stop-timeout <seconds>', text: 'from then until SIGKILL (10); -1 waits without end' },
    { flags: '--ulimit <name=soft[:hard]>', text: 'limit of each process, as nofile=1024:4096; -1: none', repeats: true },
    { flags: '--oom-score-adj <score>', text: 'how willingly it is killed for lack of memory, -1000 to 1000' },
  ]),
  ...under('Names and namespaces:', [
    { flags: '-h, --hostname <name>', text: 'host name' },
    { flags: '--domainname <name>', text: 'NIS domain name' },
    { flags: '-l, --label <name[=value]>', text: 'note something on it', repeats: true },
    { flags: '--label-file <file>', text: 'labels from a file, one to a line', repeats: true, completes: 'file' },
    { flags: '--annotation <name[=value]>', text: 'note something for the runtime and for hooks', repeats: true },
    {
      flags: '--pid <mode>',
      text: 'processes that it sees: private (default), host or container:NAME',
      offers: ['private', 'host', 'container:'],
    },
    {
      flags: '--ipc <mode>',
      text: 'shared memory and message queues: private (default), host or container:NAME',
      offers: ['private', 'host', 'container:'],
    },
    { flags: '--uts <mode>', text: 'host name: private (default) or host', choices: ['private', 'host'] },
    { flags: '--cgroupns <mode>', text: 'view of control groups: private (default on v2) or host', choices: ['private', 'host'] },
  ]),
  ...networkOptions,
  ...under('Files and devices:', [
    { flags: '--read-only', text: 'root file system that cannot be written' },
    {
      flags: '-v, --volume <[source:]target[:options]>',
      text: 'a folder of the host, or a volume, as /data:/srv:ro',
      repeats: true,
    },
    {
      flags: '--mount <key=value,...>',
      text: 'the same in words, as type=bind,source=/data,target=/srv,readonly',
      repeats: true,
    },
    { flags: '--tmpfs <target[:options]>', text: 'a file system in memory, as /run:size=64m', repeats: true },
    { flags: '--shm-size <size>', text: 'of /dev/shm (64m)' },
    { flags: '--device <source[:target][:rwm]>', text: 'a device of the host, or a folder of them', repeats: true },
    { flags: '--device-cgroup-rule <rule>', text: 'allow devices by number, as "c 10:200 rwm"', repeats: true },
  ]),
  ...under('Security:', [
    { flags: '--cap-add <name>', text: 'a capability beside the usual ones, or ALL', repeats: true },
    { flags: '--cap-drop <name>', text: 'take a capability, or ALL', repeats: true },
    { flags: '--privileged', text: 'all capabilities and devices, no filter, nothing hidden: root in it is root of the host' },
    {
      flags: '--security-opt <option>',
      text: 'no-new-privileges, seccomp=FILE or unconfined, systempaths=unconfined, mask=PATHS, unmask=PATHS or ALL',
      repeats: true,
    },
    { flags: '--sysctl <name=value>', text: 'a kernel setting of its own namespaces', repeats: true },
    { flags: '--hooks <file>', text: 'programs for the runtime to start beside it: JSON as in config.json', completes: 'file' },
  ]),
  ...limitOptions,
  ...under('Limits:', [
    { flags: '--memory-swappiness <percent>', text: 'how willingly its memory is swapped out, 0 to 100 (cgroup v1)' },
    { flags: '--oom-kill-disable', text: 'stop it instead of killing when it has no memory left (cgroup v1)' },
    { flags: '--blkio-weight-device <path:weight>', text: 'share of one disk', repeats: true },
    { flags: '--device-read-bps <path:size>', text: 'bytes a second, as /dev/sda:10m', repeats: true },
    { flags: '--device-write-bps <path:size>', text: 'bytes a second', repeats: true },
    { flags: '--device-read-iops <path:count>', text: 'operations a second', repeats: true },
    { flags: '--device-write-iops <path:count>', text: 'operations a second', repeats: true },
    { flags: '--cgroup-parent <path>', text: 'control group, or slice, to be below (/slipway, system.slice)' },
  ]),
  ...under('Supervision:', [
    {
      flags: '--restart <policy>',
      text: 'when it has ended: no, on-failure[:count], always or unless-stopped',
      offers: restartPolicies,
    },
    { flags: '--health-cmd <command>', text: 'for the shell in the container: exit status 0 says healthy' },
    { flags: '--health-interval <time>', text: 'between two of them (30s)' },
    { flags: '--health-timeout <time>', text: 'for each of them (30s)' },
    { flags: '--health-retries <count>', text: 'failures in a row that make it unhealthy (3)' },
    { flags: '--health-start-period <time>', text: 'time to come up, in which failures do not count (0s)' },
    { flags: '--health-start-interval <time>', text: 'between two of them in that time (5s)' },
    { flags: '--no-healthcheck', text: 'do not check its health, whatever the image says' },
    { flags: '--log-driver <name>', text: 'file or none', choices: ['file', 'none'] },
    { flags: '--log-opt <name=value>', text: 'max-size=10m, max-file=3', repeats: true },
  ]),
];
