import { closeSync, mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readCgroupHost, resourcesOf } from '@slipway/cgroups';
import { linux } from '@slipway/linux';
import { runtimeJson } from '@slipway/oci';
import {
  type ImageConfig,
  isKind,
  type Mount,
  type RuntimeContainer,
  type RuntimeSpec,
  type StdioRequest,
  type Supervision,
  step,
  throwIfAborted,
} from '@slipway/plugin-api';
import {
  buildSpec,
  findCommand,
  type RootFiles,
  readHostFacts,
  rootFiles,
  type SpecInput,
  writeBundle,
} from '../bundle/index.js';
import { eventsFolder, journalFile } from '../events/journal.js';
import type { ContainerRow } from '../metadata/containers.js';
import { hasMounts } from '../mounts/has-mounts.js';
import type { PreparedMounts } from '../mounts/prepare-mounts.js';
import { attachNetworks } from '../networks/attach-networks.js';
import { networkMode } from '../networks/mode.js';
import { withNameFiles } from '../networks/names-layer.js';
import { type PlannedNames, planNames } from '../networks/plan-names.js';
import { prepareNetwork } from '../networks/prepare-network.js';
import { writeNames } from '../networks/write-names.js';
import type { Held, Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { bundleDirectory, containerFolder } from './folder.js';
import { healthProbe } from './health.js';
import { isOfMachines, withoutUpper } from './in-machine.js';
import { type JoinedNamespaces, joinNamespaces, namespacesToCome } from './namespace-paths.js';
import { runtimeOf } from './runtime-of.js';

export interface Launch {
  readonly id: string;
  readonly row: ContainerRow;
  readonly image: ImageConfig;
  readonly rootfs: readonly Mount[];
  /** Nobody has written to the root file system yet: it is what the image has. */
  readonly isNew: boolean;
  readonly stdio: StdioRequest;
  readonly dieWithParent: boolean;
  /** Its streams are the caller's, and nothing of it survives a reboot. */
  readonly fleeting: boolean;
  /** The container is there, and its program has not started. */
  readonly onCreated?: ((container: RuntimeContainer) => void | Promise<void>) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** From the container's row to its running program: config.json made anew, the runtime's container, the start. */
export async function launch(parts: EngineParts, operation: Operation, launched: Launch): Promise<RuntimeContainer> {
  const { id, row, stdio, dieWithParent, signal } = launched;
  const rootfs = await withNameFiles(parts.settings.state, launched.rootfs);
  using prepared = await makeBundle(parts, operation, { ...launched, rootfs });
  const { bundle, attachments, keepOpen } = prepared;
  throwIfAborted(`start container ${JSON.stringify(row.name)}`, signal);

  const runtime = await runtimeOf(parts, row);
  const record = operation.acquire({ kind: 'runtime-container', runtime: row.runtime, id, outlives: !dieWithParent });
  const created = runtime.create({
    id,
    bundle,
    rootfs,
    attachments,
    stdio,
    dieWithParent,
    keepOpen: [operation.fd, ...keepOpen],
    supervision: await supervisionOf(parts, operation, launched),
    signal,
  });
  const container = await unlessTaken(record, created);
  step('run.created', { id, pid: container.pid, monitorPid: container.monitorPid });
  await launched.onCreated?.(container);
  await container.start();
  step('run.started', { id, pid: container.pid, monitorPid: container.monitorPid });
  return container;
}

interface PreparedBundle extends Disposable {
  readonly bundle: string;
  readonly attachments: PreparedMounts['attachments'];
  /** Ports of the host that stay its own. */
  readonly keepOpen: readonly number[];
}

async function makeBundle(parts: EngineParts, operation: Operation, launched: Launch): Promise<PreparedBundle> {
  const { id, row, rootfs, isNew, fleeting, signal } = launched;
  // What a guest has written to its disk this kernel does not read to start it.
  const isOfGuest = isOfMachines(parts, row.runtime);
  const isWhole = isNew || !isOfGuest;
  const network = prepareNetwork(parts, launched);
  const bundle = bundleDirectory(parts.settings.state, id);
  let tree: number | undefined;
  let prepared: PreparedMounts | undefined;
  let joined: JoinedNamespaces | undefined;
  let names: PlannedNames | undefined;
  const close = (): void => {
    for (const each of [prepared, joined, names, network]) each?.[Symbol.dispose]();
  };
  try {
    tree = linux.mountDetached(isNew || isOfGuest ? withoutUpper(rootfs) : rootfs, { readOnly: true });
    prepared = await mountsOf(parts, operation, launched, tree, bundle);
    const files = rootFiles(linux, tree);
    joined = await joinNamespaces(parts, row.settings, bundle);
    const mounts = prepared?.mounts ?? [];
    const { mode } = network;
    names = planNames(parts, { mode, settings: row.settings, tree, bundle, mounts, networkOf: joined.networkOf });
    const spec = specOf(launched, files, { ...joined.paths, ...network.paths }, [...mounts, ...names.mounts]);
    // Known before anything is created: the runtime's own message for it differs from version to version. What is mounted may have it, or a link there.
    if (isWhole && (prepared === undefined || prepared.attachments.length === 0)) findCommand(files, spec.process);
    mkdirSync(path.dirname(bundle), { recursive: true, mode: 0o700 });
    const record = operation.acquire({ kind: 'bundle', directory: bundle });
    await unlessTaken(record, writeBundle(bundle, spec));
    if (!fleeting) await keepSpec(parts, id, spec);
    step('run.bundled', { id, bundle });
    const { hostname } = spec;
    const attachments = await attachNetworks(parts, operation, { id, row, prepared: network, hostname, signal });
    await writeNames(bundle, names.files, {
      isOfHost: mode.kind === 'host',
      isAlone: mode.kind === 'none',
      settings: row.settings,
      hostname,
      attachments,
    });
    return {
      bundle,
      attachments: [prepared, joined, names, network].flatMap((each) => [...(each?.attachments ?? [])]),
      keepOpen: network.held?.fds ?? [],
      [Symbol.dispose]: close,
    };
  } catch (error) {
    close();
    throw error;
  } finally {
    if (tree !== undefined) closeSync(tree);
  }
}

async function mountsOf(
  parts: EngineParts,
  operation: Operation,
  { id, row, image, signal }: Launch,
  tree: number,
  bundle: string,
): Promise<PreparedMounts | undefined> {
  const { settings, volumes } = row;
  if (!hasMounts(settings, image)) return undefined;
  const { prepareMounts } = await import('../mounts/index.js');
  return prepareMounts({ parts, operation, id, settings, image, tree, bundle, volumes, signal });
}

/** That a start would find nothing wrong with the settings, as far as the image and this host can tell now. */
export function checkSpec(parts: Pick<EngineParts, 'settings'>, made: Pick<Launch, 'id' | 'row' | 'image' | 'rootfs'>): void {
  const mode = networkMode(made.row.settings, parts.settings.defaultNetwork);
  const own = mode.kind === 'none' || mode.kind === 'networks' ? { network: '/proc/self/ns/net', networkIsOwn: true } : {};
  const tree = linux.mountDetached(withoutUpper(made.rootfs), { readOnly: true });
  try {
    specOf(made, rootFiles(linux, tree), { ...namespacesToCome(made.row.settings), ...own });
  } finally {
    closeSync(tree);
  }
}

function specOf(
  { id, row: { name, settings }, image }: Pick<Launch, 'id' | 'row' | 'image'>,
  rootfs: RootFiles,
  paths: SpecInput['namespacePaths'],
  mounts: SpecInput['mounts'] = [],
): RuntimeSpec {
  return buildSpec({
    id,
    name,
    image,
    settings,
    rootfs,
    host: readHostFacts(),
    mounts,
    namespacePaths: paths,
    resources: settings.limits === undefined ? {} : resourcesOf(settings.limits, readCgroupHost()),
  });
}

/** For whoever asks later what ran. */
async function keepSpec(parts: EngineParts, id: string, spec: RuntimeSpec): Promise<void> {
  const folder = containerFolder(parts.settings.root, id);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await writeFile(path.join(folder, 'config.json'), runtimeJson(spec), { mode: 0o600 });
}

const defaultLog = { maxSize: 10 * 1024 * 1024, maxFiles: 3 };

async function supervisionOf(
  parts: EngineParts,
  operation: Operation,
  { id, row, image, fleeting }: Launch,
): Promise<Supervision> {
  const { root, state } = parts.settings;
  const { log, restart, health } = row.settings;
  const joinsNetworks = networkMode(row.settings, parts.settings.defaultNetwork).kind === 'networks';
  mkdirSync(eventsFolder(state), { recursive: true, mode: 0o700 });
  return {
    directory: fleeting ? bundleDirectory(state, id) : containerFolder(root, id),
    fleeting,
    log:
      fleeting || log?.driver === 'none'
        ? undefined
        : { maxBytes: log?.maxSize ?? defaultLog.maxSize, maxFiles: log?.maxFiles ?? defaultLog.maxFiles },
    restart: restart?.name === 'no' ? undefined : restart,
    health: healthProbe(health, image),
    events: journalFile(state),
    // Others would miss what it has: its name, its addresses and ports.
    afterEnd: row.removeAtExit || joinsNetworks ? await parts.settings.afterEnd?.(operation.file) : undefined,
  };
}

/** An id is unique in a root; engines of several roots may share a state folder. What exists already is then another's, and not ours to release. */
async function unlessTaken<T>(record: Held, acquired: Promise<T>): Promise<T> {
  try {
    return await acquired;
  } catch (error) {
    if (isKind(error, 'already-exists')) record.forget();
    throw error;
  }
}
