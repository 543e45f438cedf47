import type { SystemFailure } from '@slipway/plugin-api';
import { isSlipwayError, openEngine, rebuildStore } from 'slipway';
import type { CommandReport, CommandRequest } from './request.ts';

/** Does one thing with an engine of its own. Rejects only with what is no error of ours. */
export async function carryOut(request: CommandRequest): Promise<CommandReport> {
  try {
    return { outcome: 'done', ...(await withEngine(request)) };
  } catch (thrown) {
    // A store that can write no more cannot be closed well, either: what the work met is what is told.
    const error: unknown = thrown instanceof SuppressedError && isSlipwayError(thrown.error) ? thrown.suppressed : thrown;
    if (!isSlipwayError(error)) throw thrown;
    return { outcome: 'failed', kind: error.kind, code: error.code, message: error.message };
  }
}

async function withEngine(request: CommandRequest): Promise<object> {
  if (request.action === 'rebuild') {
    const { images, lost, damaged } = await rebuildStore(request.options);
    return { images: images.map(({ name }) => name), problems: [...lost, ...damaged] };
  }
  await using engine = await openEngine(request.options);
  const { action, image = '', to = '', directory = '', file = '', id, args, stack, all, repair, detach, keep } = request;
  switch (action) {
    case 'list':
      return { images: (await engine.images.list()).map(({ name }) => name) };
    case 'pull':
      return { images: [(await engine.pull(image, { stack })).name] };
    case 'import':
      return { images: [(await engine.images.import(file, image)).name] };
    case 'commit':
      return { images: [(await engine.containers.commit(id ?? '', image)).name] };
    case 'push':
      return { images: [(await engine.images.push(image, { to })).name] };
    case 'copy':
      return { images: [(await engine.images.copy(image, to, { referrers: true })).name] };
    case 'tag':
      return { images: [(await engine.images.tag(image, to)).name] };
    case 'save':
      return { images: (await engine.images.save([image], { output: file })).map(({ name }) => name) };
    case 'load':
      return { images: (await engine.images.load(file, { name: image })).map(({ name }) => name) };
    case 'remove': {
      const { name, failures } = await engine.images.remove(image);
      return { images: [name], problems: failures.map(told) };
    }
    case 'prune':
      return { problems: (await engine.system.prune({ all, partial: all })).failures.map(told) };
    case 'verify': {
      const { problems } = await engine.system.verify({ repair });
      return { problems: problems.filter(({ repaired }) => !repaired).map(({ name, message }) => `${name}: ${message}`) };
    }
    case 'mount':
      await engine.images.mount(image, directory);
      return {};
    case 'unmount':
      await engine.images.unmount(directory);
      return {};
    case 'create':
      await engine.containers.create({ image, name: id, args, stack });
      return {};
    case 'start':
      await (await engine.containers.get(id ?? '')).start();
      return {};
    case 'stop':
      await (await engine.containers.get(id ?? '')).stop();
      return {};
    case 'restart':
      await (await engine.containers.get(id ?? '')).restart();
      return {};
    case 'rename':
      await (await engine.containers.get(id ?? '')).rename(to);
      return {};
    case 'exec': {
      const { exitCode, stdout } = await (await (await engine.containers.get(id ?? '')).exec({ args: args ?? [] })).output();
      return { exitCode, stdout: stdout.toString() };
    }
    case 'attach':
      await (await (await engine.containers.get(id ?? '')).attach())[Symbol.asyncDispose]();
      return {};
    case 'rm':
      await engine.containers.remove(id ?? '', { force: all });
      return {};
    case 'ps':
      return { containers: await engine.containers.list({ all: true }) };
    case 'run': {
      if (detach === true) {
        await engine.run({ image, name: id, args, stack, detach });
        return {};
      }
      const kept = keep === true ? { removeAtExit: false, dieWithParent: false } : {};
      const container = await engine.run({ image, name: id, args, stack, ...kept });
      const { exitCode, stdout } = await container.output();
      return { exitCode, stdout: stdout.toString() };
    }
  }
}

function told({ what, code, message }: SystemFailure): string {
  return `${what}: ${code} ${message}`;
}
