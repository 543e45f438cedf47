import fs from 'node:fs';
import path from 'node:path';
import { TrustCheck } from '@slipway/kernel';
import { describe, expect, test } from 'vitest';
import 'reflect-metadata';
import { failure, Place, point } from './place.js';

const asRoot = process.geteuid?.() === 0;

describe.runIf(asRoot)('as root', () => {
  test('a config file that others can write to', async () => {
    using place = new Place();
    const file = place.config('version = 1');
    fs.chmodSync(file, 0o666);
    expect(await failure(place.load())).toMatchObject({
      kind: 'permission-denied',
      code: 'UNTRUSTED_FILE',
      message: `config file "${file}" has mode 0666: others than root can change what root would trust`,
      hint: `chmod go-w "${file}"`,
    });
  });

  test('a config file of another user', async () => {
    using place = new Place();
    const file = place.config('version = 1');
    fs.chownSync(file, 1234, 0);
    expect((await failure(place.load())).message).toBe(`config file "${file}" is owned by user 1234, expected root`);
  });

  test('a folder above it that others can write to, also where a link leads', async () => {
    using place = new Place();
    const open = path.join(place.dir, 'open');
    fs.mkdirSync(open);
    fs.chmodSync(open, 0o777);
    fs.writeFileSync(path.join(open, 'real.toml'), 'version = 1');
    fs.symlinkSync(path.join(open, 'real.toml'), path.join(place.etc, 'config.toml'));
    expect((await failure(place.load())).message).toContain(`config file "${open}" has mode 0777`);
  });

  test('a link that another user owns', async () => {
    using place = new Place();
    const link = path.join(place.etc, 'config.toml');
    fs.symlinkSync(place.config('version = 1', 'real.toml'), link);
    fs.lchownSync(link, 1234, 1234);
    expect((await failure(place.load())).message).toBe(`config file "${link}" is owned by user 1234, expected root`);
  });

  test('a manifest, and any file of a package whose code is to run', async () => {
    using place = new Place();
    const folder = place.plugin({ provides: 'a.v1', id: 'a' });
    fs.mkdirSync(path.join(folder, 'lib'));
    fs.writeFileSync(path.join(folder, 'lib', 'worker.js'), '');
    fs.chmodSync(path.join(folder, 'lib', 'worker.js'), 0o662);
    await using kernel = await place.boot();
    expect((await failure(kernel.get(point('a.v1')))).message).toContain('lib/worker.js" has mode 0662');
    fs.chmodSync(path.join(folder, 'package.json'), 0o646);
    expect((await failure(place.boot())).message).toContain('package.json" has mode 0646');
  });

  test('a module that is a link to where others can write', async () => {
    using place = new Place();
    const folder = place.plugin({ provides: 'a.v1', id: 'a' });
    const elsewhere = path.join(place.dir, 'elsewhere.js');
    fs.renameSync(path.join(folder, 'plugin.js'), elsewhere);
    fs.chmodSync(elsewhere, 0o666);
    fs.symlinkSync(elsewhere, path.join(folder, 'plugin.js'));
    await using kernel = await place.boot();
    expect((await failure(kernel.get(point('a.v1')))).message).toContain(`plugin package "${elsewhere}" has mode 0666`);
  });
});

test('another user trusts what that user is pointed at', () => {
  using place = new Place();
  const file = place.config('version = 1');
  fs.chmodSync(file, 0o666);
  expect(new TrustCheck(1000).file('config file', file)).toBeUndefined();
  expect(new TrustCheck(0).file('config file', file)?.code).toBe('UNTRUSTED_FILE');
});
