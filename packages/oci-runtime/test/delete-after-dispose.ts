import { Host } from './host.ts';

const [folder = ''] = process.argv.slice(2);
const host = new Host({ folder });
const container = await host.create(['sleep', '1000']);
await container.start();
await container[Symbol.asyncDispose]();
await host.runtime.delete(container.id);
process.stdout.write('deleted\n');
