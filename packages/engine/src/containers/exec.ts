import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { linux } from '@slipway/linux';
import {
  type Exec,
  type ExecOptions,
  type ExitStatus,
  type RuntimeProcess,
  type RuntimeSpec,
  type StdioRequest,
  throwIfAborted,
  wrapError,
} from '@slipway/plugin-api';
import { readHostFacts, rootFiles } from '../bundle/index.js';
import { emitOfContainer } from '../events/emit.js';
import { stdioTarget } from '../run/stdio.js';
import type { EngineParts } from '../settings.js';
import { execProcess } from './exec/exec-process.js';
import { StartedExec } from './exec/started-exec.js';
import { bundleDirectory } from './folder.js';
import { isInMachine, withoutUpper } from './in-machine.js';
import { openLiveRoot } from './live-root.js';
import { checkTypes } from './option-types.js';
import { notRunning, type RunningNow, requireRunning } from './runtime-of.js';

/** Another process in a running container, like its own but for what is asked for. */
export async function execInContainer(parts: EngineParts, id: string, options: ExecOptions): Promise<Exec> {
  checkTypes('exec', options);
  const container = await requireRunning(parts, id);
  throwIfAborted(`execute in container ${JSON.stringify(container.row.name)}`, options.signal);
  const process = await processFor(parts, container, options);
  const { detach = false, signal } = options;
  const command = process.args.join(' ');
  const started = await container.runtime.exec(id, { process, stdio: stdioOf(options), dieWithParent: !detach, signal });
  const pid = String(started.pid);
  // Now, because with some runtimes it is the container alone that knows whether there is such a program.
  emitOfContainer(parts, 'exec_create', container, { command });
  emitOfContainer(parts, 'exec_start', container, { command, pid });
  const onExit = ({ exitCode }: ExitStatus): void =>
    emitOfContainer(parts, 'exec_die', container, { command, pid, exitCode: String(exitCode) });
  return new StartedExec(started, { container: { id, name: container.row.name }, isDetached: detach, signal, onExit });
}

async function processFor(parts: EngineParts, container: RunningNow, options: ExecOptions): Promise<RuntimeProcess> {
  const spec = await readSpec(parts, container.id);
  const root = await rootToRead(parts, container);
  if (root === undefined) throw notRunning(container, undefined);
  try {
    const groups = container.row.settings.groups ?? [];
    return execProcess({
      spec,
      options,
      groups,
      root: rootFiles(linux, root, `container ${JSON.stringify(container.row.name)}`),
      isWhole: !isInMachine(container.state),
      host: readHostFacts(),
    });
  } finally {
    closeSync(root);
  }
}

/** What runs now: the bundle's own, also of a container that nothing else is kept of. */
async function readSpec(parts: EngineParts, id: string): Promise<RuntimeSpec> {
  const file = path.join(bundleDirectory(parts.settings.state, id), 'config.json');
  try {
    return JSON.parse(await readFile(file, 'utf8')) as RuntimeSpec;
  } catch (error) {
    throw wrapError(`read ${JSON.stringify(file)}`, error);
  }
}

function stdioOf({ detach = false, terminal, stdin = 'ignore', stdout = 'pipe', stderr = 'pipe' }: ExecOptions): StdioRequest {
  if (detach) return { terminal, stdin: 'null', stdout: 'null', stderr: 'null' };
  return {
    terminal,
    stdin: stdioTarget(stdin, 0),
    stdout: stdioTarget(stdout, 1),
    stderr: terminal === undefined ? stdioTarget(stderr, 2) : 'null',
  };
}

/** Of a container in a virtual machine the image's files: the process that stands for it has the host's root, and what the guest has changed is the guest's. */
async function rootToRead(parts: EngineParts, container: RunningNow): Promise<number | undefined> {
  const { row, runtime, state } = container;
  if (!isInMachine(state)) return await openLiveRoot(runtime, container);
  const snapshotter = await parts.snapshotters.get(row.snapshotter);
  return linux.mountDetached(withoutUpper(await snapshotter.mounts(row.snapshotKey)), { readOnly: true });
}
