import { type Container, type CreateContainerOptions, canceled, step, wrapError } from '@slipway/plugin-api';
import { generateContainerId } from '../bundle/index.js';
import { Operation } from '../operations/operation.js';
import { againIfRemoved } from '../run/again-if-removed.js';
import { obtainImage } from '../run/obtain-image.js';
import type { EngineParts } from '../settings.js';
import { activeStack } from '../stack.js';
import { ensureUnpacked } from '../unpack/ensure-unpacked.js';
import type { Works } from '../works.js';
import { lockNewContainer } from './container-lock.js';
import { ContainerHandle } from './handle.js';
import { checkOptions } from './kept-settings.js';
import { checkSpec } from './launch.js';
import { makeContainer } from './make.js';

/** All but the process. What could not be started later for its settings is refused here. */
export async function createContainer(parts: EngineParts, works: Works, options: CreateContainerOptions): Promise<Container> {
  checkOptions(options, parts.settings.defaultNetwork);
  const id = generateContainerId();
  const stack = activeStack(parts, options.stack);
  return againIfRemoved(options, async () => {
    const obtained = await obtainImage(parts, stack, options);
    await ensureUnpacked(parts, stack, obtained.loaded, options);
    using lock = new DisposableStack();
    // First, and ended last: its record is how the lock of one that is killed is found.
    const operation = Operation.begin(parts, 'create');
    try {
      lock.use(lockNewContainer(parts, id));
      const made = await makeContainer(parts, stack, operation, obtained, options, { id, wanted: 'stopped', fleeting: false });
      checkSpec(parts, made);
      operation.handOver(made.held);
      step('create.kept', { id });
      lock.dispose();
      return new ContainerHandle(parts, works, id, made.row.name, made.row.image);
    } catch (error) {
      const what = `create a container of ${JSON.stringify(obtained.name)}`;
      throw options.signal?.aborted ? canceled(what, options.signal) : wrapError(what, error);
    } finally {
      await operation.end();
    }
  });
}
