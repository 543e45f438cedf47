import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { imageLayout, readImage } from '@slipway/fixtures';
import { cosignBundle } from '@slipway/plugin-testkit';
import { afterAll, expect, it } from 'vitest';

const slipway = path.resolve(import.meta.dirname, '../../../build/bin/slipway');
const scratch = mkdtempSync(path.join(tmpdir(), 'slipway-bundle-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Bundled, a CommonJS library that is imported late may come without its names: every bundle was refused as unreadable. */
it('reads signatures that need a library of another format', () => {
  const layout = path.join(scratch, 'layout');
  cpSync(imageLayout('small'), layout, { recursive: true });
  const { mediaType, digest, size } = readImage(layout).top;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const { manifest, blobs } = cosignBundle({ target: { mediaType, digest, size }, privateKey });
  for (const { descriptor, bytes } of [...blobs, manifest])
    writeFileSync(path.join(layout, 'blobs', ...descriptor.digest.split(':')), bytes);
  const index = JSON.parse(readFileSync(path.join(layout, 'index.json'), 'utf8')) as { manifests: object[] };
  const annotations = { 'org.opencontainers.image.ref.name': `${digest.replace(':', '-')}.sig` };
  index.manifests.push({ ...manifest.descriptor, annotations });
  writeFileSync(path.join(layout, 'index.json'), JSON.stringify(index));

  const [key, config] = [path.join(scratch, 'key.pub'), path.join(scratch, 'config.toml')];
  writeFileSync(key, publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o644 });
  const rule = `{ match = "oci:${layout}:*", action = "signed", keys = ["${key}"] }`;
  writeFileSync(config, `plugins.search = ["@slipway/policy-rules"]\nplugin.policy-rules.rules = [${rule}]\n`, { mode: 0o600 });
  const places = ['--config', config, '--root', path.join(scratch, 'root'), '--state', path.join(scratch, 'state')];
  const { status, stderr } = spawnSync(slipway, [...places, 'pull', `oci:${layout}:latest`], { encoding: 'utf8' });
  expect(stderr).not.toContain('policy');
  expect(status).toBe(0);
});
