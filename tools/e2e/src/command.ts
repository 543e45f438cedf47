import { isSlipwayError, openEngine } from 'slipway';
import type { CommandReport, CommandRequest } from './request.ts';

// A program on the library that does one thing, for tests that kill it or need several processes at once.
const request = JSON.parse(process.argv[2] ?? '') as CommandRequest;
process.stdout.write(`${JSON.stringify(await report())}\n`);

async function report(): Promise<CommandReport> {
  try {
    return { outcome: 'done', ...(await carryOut()) };
  } catch (error) {
    process.exitCode = 1;
    if (!isSlipwayError(error)) throw error;
    return { outcome: 'failed', kind: error.kind, code: error.code, message: error.message };
  }
}

async function carryOut(): Promise<object> {
  await using engine = await openEngine(request.options);
  const { action, image = '', directory = '', id, args, stack } = request;
  switch (action) {
    case 'list':
      return { images: (await engine.images.list()).map(({ name }) => name) };
    case 'pull':
      return { images: [(await engine.pull(image, { stack })).name] };
    case 'remove':
      return { images: [(await engine.images.remove(image)).name] };
    case 'mount':
      await engine.images.mount(image, directory);
      return {};
    case 'run': {
      const container = await engine.run({ image, id, args, stack });
      const { exitCode, stdout } = await container.output();
      return { exitCode, stdout: stdout.toString() };
    }
  }
}
