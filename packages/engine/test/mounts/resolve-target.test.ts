import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isSlipwayError } from '@slipway/plugin-api';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { resolveTarget } from '../../dist/mounts/resolve-target.js';

let root: string;
let tree: number;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'slipway-target-'));
  tree = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
});
afterEach(() => {
  closeSync(tree);
  rmSync(root, { recursive: true, force: true });
});

const at = (name: string): string => path.join(root, name);

test('links are followed in the root, and what is missing is where it would be made', () => {
  mkdirSync(at('real/sub'), { recursive: true });
  writeFileSync(at('real/file'), '');
  symlinkSync('../../../real', at('up'));
  symlinkSync('/real/sub', at('absolute'));
  symlinkSync('/real/none/deep', at('dangling'));
  const found = (target: string, covered: readonly string[] = []) => resolveTarget(tree, target, covered);
  expect(found('/up/sub')).toEqual({ path: '/real/sub', found: 'directory' });
  expect(found('/absolute/../file')).toEqual({ path: '/real/file', found: 'file' });
  expect(found('/dangling/x')).toEqual({ path: '/real/none/deep/x', found: undefined });
  expect(found('/none/..//up/./new')).toEqual({ path: '/real/new', found: undefined });
  // Under another mount the image's links are not seen.
  expect(found('/real/sub/x', ['/real'])).toEqual({ path: '/real/sub/x', found: undefined });
  expect(found('/up', ['/up'])).toEqual({ path: '/real', found: 'directory' });
  expect(found('/dev/shm')).toEqual({ path: '/dev/shm', found: undefined });
});

test('a loop ends, and so does a chain that the kernel would not follow', () => {
  symlinkSync('loop', at('loop'));
  symlinkSync('a/a/a', at('a'));
  for (const target of ['/loop', '/a']) expect(() => resolveTarget(tree, target, [])).toThrow('too many symbolic links');
});

test('a way that links make long ends long before the kernel would', () => {
  for (let link = 0; link < 30; link++) symlinkSync(`${'x/../'.repeat(700)}l${link + 1}`, at(`l${link}`));
  mkdirSync(at('l30'));
  expect(() => resolveTarget(tree, '/l0', [])).toThrow('more than 1024 names');
  expect(resolveTarget(tree, `/${'l30/../'.repeat(400)}l30`, [])).toEqual({ path: '/l30', found: 'directory' });
});

/** The truth: a shell in that root. Undefined where a name on the way is missing: no path leads back from it. */
function realPath(target: string): string | undefined {
  const { status, stdout } = spawnSync('chroot', [root, '/busybox', 'readlink', '-f', target], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

const name = fc.constantFrom('a', 'b', 'c', 'proc');
const step = fc.oneof({ weight: 4, arbitrary: name }, fc.constantFrom('..', '.', ''));
const route = fc.array(step, { minLength: 1, maxLength: 5 }).map((steps) => steps.join('/'));
const entry = fc.record({
  place: fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/')),
  link: fc.option(fc.tuple(fc.boolean(), route)),
});

test('a way back from what is missing leads to what is there', () => {
  mkdirSync(at('b'));
  expect(resolveTarget(tree, '/b/a/..', [])).toEqual({ path: '/b', found: 'directory' });
});

test('in any tree of folders and links it is where chroot says, and never outside', { timeout: 300_000 }, () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), route, (entries, target) => {
      for (const each of ['a', 'b', 'c', 'proc']) rmSync(at(each), { recursive: true, force: true });
      copyFileSync('/bin/busybox', at('busybox'));
      for (const { place, link } of entries) {
        try {
          // Not recursive: Node's own never ends where a link on the way leads to nothing.
          if (link === null) mkdirSync(at(place));
          else {
            symlinkSync(`${link[0] ? '/' : ''}${link[1]}` || '.', at(place));
          }
        } catch {
          // Something else has the place, or a link is on the way to it.
        }
      }
      let resolved: ReturnType<typeof resolveTarget>;
      try {
        resolved = resolveTarget(tree, `/${target}`, []);
      } catch (error) {
        expect(isSlipwayError(error) && error.code).toBe('MOUNT_INVALID');
        return;
      }
      expect(resolved.path).toMatch(/^\/[^/]/);
      expect(resolved.path.split('/')).not.toContain('..');
      if (resolved.found === undefined) return;
      expect(realPath(resolved.path)).toBe(resolved.path);
      const real = realPath(`/${target}`);
      if (real !== undefined) expect(real).toBe(resolved.path);
      // The runtime makes what is missing on the way, and goes back from it.
      else expect([target, ...entries.map(({ link }) => link?.[1])].join()).toContain('..');
    }),
    { numRuns: 150, endOnFailure: true },
  );
});
