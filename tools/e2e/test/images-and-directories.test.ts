import { PassThrough, Readable } from 'node:stream';
import { startRegistry, tarOf } from '@slipway/fixtures';
import { diffTrees } from '@slipway/fs-tree';
import type { Engine } from 'slipway';
import { afterAll, describe, expect, it } from 'vitest';
import { leftInPlace, makePlace } from './place.ts';
import { mountedTree, wrongPaths } from './trees.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const demo = `${registry.address}/test/demo:latest`;

const script = `
  set -e
  cd /srv
  echo 'to stdout'; echo 'to stderr' >&2
  rm -rf /srv/notes /var; mkdir -p /srv/notes /var/new/deep
  echo 'root:x:0:0::/:/bin/sh' > /etc/passwd
  cp -a /bin/. copied
  truncate -s 5000000 sparse
  printf end >> sparse
  ln sparse linked; ln -s /nowhere link; mkfifo pipe
  chmod 6711 copied; chown 65536:7 copied
  touch -h -d '2001-02-03 04:05:06' sparse link pipe copied notes /etc/passwd /var/new/deep /var/new /var /etc /srv /
  find / -xdev \\( -path /proc -o -path /dev -o -path /sys \\) -prune -o -print | sort
  exit 7
`;

/** Everything that a user can see of one container's life. */
async function life(engine: Engine, stack: string): Promise<unknown> {
  await engine.pull(demo, { stack });
  expect(await wrongPaths(engine, demo, 'demo', stack)).toEqual([]);
  const name = `life-${stack}`;
  const container = await engine.containers.create({ image: demo, name, stack, args: ['sh', '-c', script] });
  await container.copyTo('/', Readable.from([tarOf([{ path: 'copied-in', body: Buffer.from('from outside') }])]));
  await container.start();
  const { exitCode } = await container.wait();
  expect(exitCode).toBe(7);
  const lines: string[] = [];
  for await (const { stream, line } of container.logs()) lines.push(`${stream}: ${line}`);
  const output = new PassThrough();
  const bytes = output.toArray();
  await container.copyFrom('/srv', output);
  const copied = Buffer.concat(await bytes);
  const changes = await engine.containers.diff(name);
  const committed = `made/${stack}:1`;
  await engine.containers.commit(name, committed);
  const again = await engine.run({ image: committed, name: `again-${stack}`, stack, args: ['cat', '/copied-in', '/etc/passwd'] });
  const { stdout } = await again.output();
  await container.remove();
  const tree = await mountedTree(engine, committed, stack);
  const { problems } = await engine.system.verify();
  expect(problems).toEqual([]);
  return { exitCode, lines: new Set(lines), copied: copied.length, changes, said: stdout.toString(), tree };
}

describe.each([
  ['flat, changes in a file system', ''],
  ['flat, changes in directories', '[plugin.snapshot-kata]\nupper = "directory"'],
  ['with names alone, beside their tar archives', '[plugin.differ-erofs]\nformat = "tar-index"'],
])('layers as images, %s, under runc', (_name, config) => {
  it('give what directories give: output, exit code, logs, files copied in and out, changes, and the tree of a commit', async () => {
    using place = makePlace(`[stacks.images]\nsnapshotter = "kata"\n${config}\n`);
    {
      await using engine = await place.open();
      const expected = (await life(engine, 'default')) as { readonly tree: Parameters<typeof diffTrees>[0] };
      const found = (await life(engine, 'images')) as typeof expected;
      expect(diffTrees(found.tree, expected.tree)).toEqual([]);
      expect({ ...found, tree: [] }).toEqual({ ...expected, tree: [] });
    }
    expect(leftInPlace(place)).toEqual([]);
  });
});
