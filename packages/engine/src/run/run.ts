import {
  type Attachment,
  canceled,
  type RunOptions,
  type RuntimeContainer,
  SlipwayError,
  type StdioRequest,
  step,
  wrapError,
} from '@slipway/plugin-api';
import { generateContainerId } from '../bundle/index.js';
import { lockNewContainer } from '../containers/container-lock.js';
import { discardContainer } from '../containers/discard.js';
import { checkOptions } from '../containers/kept-settings.js';
import { launch } from '../containers/launch.js';
import { type MadeContainer, makeContainer } from '../containers/make.js';
import { runtimeOf } from '../containers/runtime-of.js';
import { named } from '../containers/with-name.js';
import type { ContainerRow } from '../metadata/containers.js';
import { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { type ActiveStack, activeStack } from '../stack.js';
import { ensureUnpacked } from '../unpack/ensure-unpacked.js';
import type { Works } from '../works.js';
import { againIfRemoved } from './again-if-removed.js';
import { StartedContainer } from './container.js';
import { type ObtainedImage, obtainImage } from './obtain-image.js';
import { stdioTarget } from './stdio.js';

/**
 * run(name): look the name up (pulling as the policy says); read manifest and config; prepare a writable snapshot on the
 * top chain ID; turn image config and settings into config.json; hand bundle and mounts to the runtime; start.
 */
export async function run(parts: EngineParts, works: Works, given: RunOptions): Promise<StartedContainer> {
  const options = withDefaults(given);
  checkOptions(options, parts.settings.defaultNetwork);
  const stack = activeStack(parts, options.stack);
  return againIfRemoved(options, async () => {
    const image = await obtainImage(parts, stack, options);
    await ensureUnpacked(parts, stack, image.loaded, options);
    return runObtained(parts, works, stack, image, options);
  });
}

interface FullOptions extends RunOptions {
  readonly detach: boolean;
  readonly removeAtExit: boolean;
  readonly dieWithParent: boolean;
}

function withDefaults(options: RunOptions): FullOptions {
  const detach = options.detach ?? false;
  if (detach && options.dieWithParent === true) {
    throw new SlipwayError({
      kind: 'invalid-argument',
      code: 'CONTAINER_OPTIONS_CONFLICT',
      message: 'a container that is detached goes on when the process that started it ends, and cannot die with it',
      hint: 'leave out one of --detach and --die-with-parent',
    });
  }
  // One with a restart policy is meant to stay.
  const restarts = options.restart !== undefined && options.restart.name !== 'no';
  return {
    ...options,
    detach,
    removeAtExit: options.removeAtExit ?? (!detach && !restarts),
    dieWithParent: options.dieWithParent ?? !detach,
  };
}

/**
 * One operation from the name to the process. What of the container is to be kept is handed over when the runtime has it and its program is about to run: before that, who
 * is killed leaves nothing; after that, the program may have run.
 */
async function runObtained(
  parts: EngineParts,
  works: Works,
  stack: ActiveStack,
  image: ObtainedImage,
  options: FullOptions,
): Promise<StartedContainer> {
  const id = generateContainerId();
  const fleeting = options.removeAtExit && !options.detach && options.log?.driver !== 'file';
  using lock = new DisposableStack();
  // First: its record is how the lock of one that is killed is found.
  const operation = Operation.begin(parts, 'run', id);
  let made: MadeContainer | undefined;
  let input: Attachment | undefined;
  let isKept = false;
  try {
    lock.use(lockNewContainer(parts, id));
    made = await makeContainer(parts, stack, operation, image, options, { id, wanted: 'running', fleeting });
    const { held, row } = made;
    const stdio = stdioOf(options);
    const container = await launch(parts, operation, {
      ...made,
      isNew: true,
      stdio,
      dieWithParent: options.dieWithParent,
      fleeting,
      onCreated: async () => {
        if (stdio.stdin === 'attached' && !options.detach) input = await attachInput(parts, row, id);
        options.onCreated?.();
        if (options.removeAtExit) return;
        operation.handOver(held);
        isKept = true;
        step('run.kept', { id });
      },
      signal: options.signal,
    });
    return await started(parts, works, operation, container, { row, options, input });
  } catch (error) {
    await input?.[Symbol.asyncDispose]();
    await operation.end();
    if (isKept && made !== undefined) await (await discardContainer(parts, made, { volumes: true })).end();
    const what = `run ${JSON.stringify(image.name)}`;
    // What the runtime says of a container that was killed while it was started is not the reason.
    const failure = options.signal?.aborted ? canceled(what, options.signal) : wrapError(what, error);
    throw made === undefined ? failure : named({ id, name: made.row.name }, failure);
  }
}

/** Detached, it is its monitor's; else it is ours until it ends. */
async function started(
  parts: EngineParts,
  works: Works,
  operation: Operation,
  container: RuntimeContainer,
  { row, options, input }: { readonly row: ContainerRow; readonly options: FullOptions; readonly input: Attachment | undefined },
): Promise<StartedContainer> {
  const { detach, dieWithParent, removeAtExit, signal } = options;
  if (detach) {
    operation.leave();
    await container[Symbol.asyncDispose]();
    return new StartedContainer(parts, works, row, container, undefined);
  }
  return new StartedContainer(parts, works, row, container, { operation, dieWithParent, removeAtExit, input, signal });
}

function stdioOf({ detach, openStdin, terminal, ...options }: FullOptions): StdioRequest {
  if (detach) return { terminal, stdin: openStdin === true ? 'attached' : 'null', stdout: 'null', stderr: 'null' };
  return {
    terminal,
    // Whoever attaches later writes to it, too: then it is open for others than us.
    stdin: openStdin === true && options.stdin === 'pipe' ? 'attached' : stdioTarget(options.stdin ?? 'ignore', 0),
    stdout: stdioTarget(options.stdout ?? 'pipe', 1),
    stderr: stdioTarget(options.stderr ?? 'pipe', 2),
  };
}

/** From before the program starts: it would find its stdin open, and nobody there. */
async function attachInput(parts: EngineParts, row: ContainerRow, id: string): Promise<Attachment> {
  const attachment = await (await runtimeOf(parts, row)).attach(id, { stdin: true, stdout: false, stderr: false });
  // How the container ended is told by who waits for it.
  attachment.ended.catch(() => {});
  return attachment;
}
