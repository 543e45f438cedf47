import type { ArgumentSpec, CommandSpec } from '../command.js';
import { detachKeysOption, sigProxyOption } from '../run/session-options.js';

const group = 'Containers:';
const one: ArgumentSpec = { name: '<container>', text: 'its name, its id or the beginning of that', completes: 'running' };

/** What goes into containers and comes out of them. */
export const streamSpecs: readonly CommandSpec[] = [
  {
    name: 'exec',
    group,
    args: [
      one,
      { name: '<command>', text: 'a program of the container' },
      { name: '[arg...]', text: 'its arguments, passed on as they are' },
    ],
    summary: 'run a command in a container that runs',
    description: `Environment, user, working directory and rights are the container's, unless options say otherwise. Options end at the container's name.
Signals that this command gets are passed on to the process. --detach-keys leave it running, and so does a terminal that hangs up; otherwise it ends with this command.

Exit code: the command's own; 126 when the command cannot be executed, 127 when it is not there, 1 when Slipway failed.`,
    examples: [
      ['slipway exec -it web sh', 'a shell in it'],
      ['slipway exec -u postgres -w /var/lib db pg_dump app > app.sql', 'as another user'],
      ['slipway exec -d web touch /tmp/reload', 'without waiting for it'],
    ],
    options: [
      { flags: '-i, --interactive', text: 'give it our stdin' },
      { flags: '-t, --tty', text: 'give it a terminal' },
      { flags: '-d, --detach', text: 'leave it running, without our streams' },
      {
        flags: '-e, --env <name[=value]>',
        text: 'set a variable; without a value, to the one of our own environment',
        repeats: true,
      },
      { flags: '--env-file <file>', text: 'variables from a file or a pipe, one to a line', repeats: true, completes: 'file' },
      { flags: '-w, --workdir <dir>', text: "working directory (the container's)" },
      { flags: '-u, --user <user[:group]>', text: "names or numbers (the container's)" },
      { flags: '--privileged', text: "with all capabilities; the container's filter of system calls stays" },
      detachKeysOption,
    ],
    passesThrough: true,
    load: async () => (await import('./exec.js')).exec,
  },
  {
    name: 'attach',
    group,
    args: [one],
    summary: 'connect our terminal to a container that runs',
    description: `Shows what it writes from now on, and gives it our stdin if it was made with -i. Several can be attached at a time; one that reads slowly slows it down.
The keys leave it running, and so does a terminal that hangs up, or a signal with --sig-proxy=false.

Exit code: the container's own; 0 when it was left by the keys.`,
    examples: [
      ['slipway attach web', 'until it ends, or ^P ^Q'],
      ['slipway attach --no-stdin --sig-proxy=false web', 'only look; ^C leaves'],
    ],
    options: [{ flags: '--no-stdin', text: 'only look' }, detachKeysOption, sigProxyOption],
    load: async () => (await import('./attach.js')).attach,
  },
  {
    name: 'logs',
    group,
    args: [{ ...one, completes: 'containers' }],
    summary: 'show what a container has written',
    description: `What it wrote to stdout goes to stdout, the rest to stderr. A time is RFC 3339, a date, seconds since 1970, or a length of time before now.
With --follow until the container has ended for good; where its log is rotated faster than it is read here, that is an error. As JSON: one object a line, with "partial" where the line goes on in the next.`,
    examples: [
      ['slipway logs web', 'all that is kept'],
      ['slipway logs -f -n 20 web', 'the last 20 lines and what comes'],
      ['slipway logs --since 10m --until 5m -t web', 'some minutes, with their times'],
      ['slipway logs --json web | jq -r .line', 'for a program'],
    ],
    options: [
      { flags: '-f, --follow', text: 'go on with what comes' },
      { flags: '--since <time>', text: 'only what was written since then' },
      { flags: '--until <time>', text: 'only what was written before' },
      { flags: '-n, --tail <lines>', text: 'only so many lines from the end, or all' },
      { flags: '-t, --timestamps', text: 'before each line its time' },
    ],
    load: async () => (await import('./logs.js')).logs,
  },
  {
    name: 'cp',
    group,
    args: [
      { name: '<source>', text: 'CONTAINER:PATH, a path, or - for a tar file from stdin', completes: 'path' },
      { name: '<destination>', text: 'the other of these; - for a tar file to stdout', completes: 'path' },
    ],
    summary: 'copy files into a container or out of it',
    description: `As docker cp. A destination that is a directory gets the source under its own name; one that is not there is what the copy is called; of a directory with /. behind it
only the content is copied. A path with a colon that is no container's begins with ./ or /. The attributes of the destination itself stay.

Links are copied as links. In a container everything belongs to its root then, here to whoever runs this, without setuid bits, file capabilities and devices; with -a all is as it
was. Sockets are left out. Of a container that does not run, files of its volumes are copied as well. No link in a container leads out of it.`,
    examples: [
      ['slipway cp web:/etc/nginx/nginx.conf .', 'out of it'],
      ['slipway cp site/. web:/usr/share/nginx/html', 'the content of a folder into it'],
      ['slipway cp web:/var/log - | tar -tv', 'as a tar file'],
    ],
    options: [
      { flags: '-a, --archive', text: 'keep owners, and everything that gives rights' },
      { flags: '-L, --follow-link', text: 'copy what the source leads to, where it is a link' },
    ],
    load: async () => (await import('./cp.js')).cp,
  },
];
