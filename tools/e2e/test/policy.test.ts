import { createHash } from 'node:crypto';
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { imageLayout, startRegistry } from '@slipway/fixtures';
import { digestOf } from '@slipway/oci';
import type { Descriptor, Engine } from '@slipway/plugin-api';
import { cosignBundle, cosignSignature } from '@slipway/plugin-testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli } from './child.ts';
import { killedSteps } from './killed-steps.ts';
import { leftInPlace, namesIn, type Place } from './place.ts';
import { type Artifact, makeKey, pushArtifact, type SigningKey } from './signing.ts';
import { placesInMemory } from './tmpfs.ts';

const newPlace = placesInMemory();
const registry = await startRegistry();
afterAll(() => registry[Symbol.asyncDispose]());

let repositories = 0;
/** A repository of its own for each test, with the small image in it. */
async function makeRepository(): Promise<{ readonly bare: string; readonly name: string; readonly target: Descriptor }> {
  const repository = `policy/app${++repositories}`;
  const digest = await registry.push(imageLayout('small'), repository, 'latest');
  const size = statSync(path.join(imageLayout('small'), 'blobs', ...digest.split(':'))).size;
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const bare = `${registry.address}/${repository}`;
  return { bare, name: `${bare}:latest`, target: { mediaType, digest, size } };
}

const enabled = (rules: string): string => `[plugins]\nsearch = ["@slipway/policy-rules"]\n[plugin.policy-rules]\n${rules}`;
const signedBy = ({ file }: SigningKey, match: string): string =>
  enabled(`default = "allow"\nrules = [{ match = "${match}", action = "signed", keys = ["${file}"] }]`);

/** The config of a place is read when it is opened. */
function configure(place: Place, config: string): void {
  writeFileSync(place.options.config, `version = 1\n${config}\n`, { mode: 0o600 });
}

/** Every file, with its content; lmdb's table of readers is of processes, not of what is stored. */
function everyFile({ root, state }: Place): Record<string, string> {
  const files = [root, state].flatMap((folder) =>
    globSync('**', { cwd: folder, withFileTypes: true }).map((entry) => path.join(entry.parentPath, entry.name)),
  );
  return Object.fromEntries(
    files
      .filter((file) => !file.endsWith('data.mdb-lock'))
      .map((file) => [file, statSync(file).isFile() ? createHash('sha256').update(readFileSync(file)).digest('hex') : 'folder']),
  );
}

async function echo(engine: Engine, image: string, place: Place): Promise<string> {
  const container = await engine.run({ image, name: path.basename(place.folder), args: ['echo', 'alive'], pull: 'never' });
  return (await container.output()).stdout.toString();
}

const refused = (code: string, reason: string) => ({
  kind: 'permission-denied',
  code,
  message: expect.stringContaining('policy "rules"'),
  details: expect.objectContaining({ policy: 'rules', reason }),
});

describe('an image that the rules refuse', () => {
  it('is not pulled, and nothing of it is stored', async () => {
    const { name, bare } = await makeRepository();
    using place = newPlace(enabled(`default = "allow"\nrules = [{ match = "${bare}", action = "deny" }]`));
    const other = await makeRepository();
    await using engine = await place.open();
    await engine.pull(other.name);
    const before = everyFile(place);
    expect(Object.keys(before).length).toBeGreaterThan(20);
    await expect(engine.pull(name)).rejects.toMatchObject(refused('POLICY_DENIED', 'RULES_DENIED'));
    await expect(engine.run({ image: name, args: ['true'] })).rejects.toMatchObject(refused('POLICY_DENIED', 'RULES_DENIED'));
    expect(everyFile(place)).toEqual(before);
    expect((await engine.images.list()).map((image) => image.name)).toEqual([other.name]);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('is not run, pulled or replaced when it is here already, and is listed, inspected and removed all the same', async () => {
    const { name, target } = await makeRepository();
    using place = newPlace();
    {
      await using engine = await place.open();
      await engine.pull(name);
      expect(await echo(engine, name, place)).toBe('alive\n');
    }
    configure(place, enabled(`default = "allow"\nrules = [{ digests = ["${target.digest}"], action = "deny" }]`));
    await using engine = await place.open();
    await expect(engine.run({ image: target.digest, args: ['true'] })).rejects.toMatchObject({ code: 'POLICY_DENIED' });
    const before = everyFile(place);
    for (const pull of ['never', 'missing', 'always'] as const)
      await expect(engine.run({ image: name, args: ['true'], pull })).rejects.toMatchObject(
        refused('POLICY_DENIED', 'RULES_DENIED'),
      );
    await expect(engine.pull(name)).rejects.toMatchObject({ code: 'POLICY_DENIED' });
    expect(everyFile(place)).toEqual(before);
    expect((await engine.images.inspect(name)).manifestDigest).toBe(target.digest);
    await engine.images.remove(name);
    expect(await engine.images.list()).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('is not loaded from an archive, nor run straight from one', async () => {
    const layout = imageLayout('small');
    using place = newPlace(
      enabled(
        `default = "allow"\nrules = [{ match = "example.com/banned", action = "deny" }, { match = "oci:${layout}**", action = "deny" }]`,
      ),
    );
    await using engine = await place.open();
    await engine.images.load(layout, { name: 'example.com/fine:1' });
    const denial = refused('POLICY_DENIED', 'RULES_DENIED');
    await expect(engine.pull(`oci:${layout}:none`)).rejects.toMatchObject({ kind: 'not-found' });
    const before = everyFile(place);
    await expect(engine.images.load(layout, { name: 'example.com/banned:1' })).rejects.toMatchObject(denial);
    await expect(engine.pull(`oci:${layout}`)).rejects.toMatchObject(denial);
    await expect(engine.run({ image: `oci:${layout}`, args: ['true'] })).rejects.toMatchObject(denial);
    expect(everyFile(place)).toEqual(before);
    expect(await echo(engine, 'example.com/fine:1', place)).toBe('alive\n');
  });

  it('ends the command with a word of why', async () => {
    const { name, bare } = await makeRepository();
    using place = newPlace(enabled(`rules = [{ match = "${registry.address}/elsewhere/*", action = "allow" }]`));
    const pulled = await runCli(place, ['pull', name]);
    expect(pulled.status).toBe(1);
    expect(pulled.stderr).toContain(`pull of "${name}" is refused by policy "rules": no rule is for "${name}"`);
    expect(pulled.stderr).toContain('[plugin.policy-rules]');
    const run = await runCli(place, ['run', '--rm', bare, 'true']);
    expect(run.status).toBe(125);
    expect(run.stderr).toContain('is refused by policy "rules"');
    const json = await runCli(place, ['pull', '--json', name]);
    expect(JSON.parse(json.stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      kind: 'permission-denied',
      code: 'POLICY_DENIED',
      details: { policy: 'rules', name, reason: 'RULES_DENIED' },
    });
  });
});

describe('an image that must be signed', () => {
  const sign =
    (how: (image: Awaited<ReturnType<typeof makeRepository>>, key: SigningKey) => Artifact | undefined) =>
    async (place: Place, image: Awaited<ReturnType<typeof makeRepository>>, key: SigningKey): Promise<void> => {
      const artifact = how(image, key);
      if (artifact !== undefined) await pushArtifact(place, image.bare, artifact);
    };

  it.each([
    ['at the tag of its digest', sign(({ target, bare: name }, { privateKey }) => cosignSignature({ target, name, privateKey }))],
    ['in a bundle that refers to it', sign(({ target }, { privateKey }) => cosignBundle({ target, privateKey }))],
  ])('and is, %s, is pulled, and runs when the registry is gone', async (_, signing) => {
    await using own = await startRegistry();
    const digest = await own.push(imageLayout('small'), 'app', 'latest');
    const target = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 1000 };
    const image = { bare: `${own.address}/app`, name: `${own.address}/app:latest`, target };
    using place = newPlace();
    const key = makeKey(place.folder, 'key');
    await signing(place, image, key);
    configure(place, enabled(`rules = [{ match = "${image.bare}", action = "signed", keys = ["${key.file}"] }]`));
    {
      await using engine = await place.open();
      await engine.pull(image.name);
    }
    await own[Symbol.asyncDispose]();
    await using engine = await place.open();
    expect(await echo(engine, image.name, place)).toBe('alive\n');
    expect(leftInPlace(place)).toEqual([]);
  });

  it.each([
    ['is not signed', 'RULES_UNSIGNED', 'found none', sign(() => undefined)],
    [
      'is signed with another key',
      'RULES_SIGNATURE_REFUSED',
      'is by none of the keys',
      async (place: Place, image: Awaited<ReturnType<typeof makeRepository>>) => {
        const { privateKey } = makeKey(place.folder, 'other');
        await pushArtifact(place, image.bare, cosignSignature({ target: image.target, name: image.bare, privateKey }));
      },
    ],
    [
      'has the signature of another digest',
      'RULES_SIGNATURE_REFUSED',
      'is for the digest',
      sign(({ target, bare: name }, { privateKey }) => ({
        ...cosignSignature({ target: { ...target, digest: digestOf('another image') }, name, privateKey }),
        tag: `${target.digest.replace(':', '-')}.sig`,
      })),
    ],
    [
      'has the signature of another name',
      'RULES_SIGNATURE_REFUSED',
      'is for the name "registry.example.com/app"',
      sign(({ target }, { privateKey }) => cosignSignature({ target, name: 'registry.example.com/app', privateKey })),
    ],
    [
      'has a signature whose payload was changed in the registry',
      'RULES_SIGNATURE_REFUSED',
      'cannot be read',
      async (place: Place, image: Awaited<ReturnType<typeof makeRepository>>, key: SigningKey) => {
        const artifact = cosignSignature({ target: image.target, name: image.bare, privateKey: key.privateKey });
        await pushArtifact(place, image.bare, artifact);
        const payload = artifact.blobs.find(({ bytes }) => bytes.includes('docker-manifest-digest'));
        const hex = payload?.descriptor.digest.split(':')[1] ?? '';
        const stored = path.join(registry.storage, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
        writeFileSync(stored, readFileSync(stored, 'utf8').replace('"optional":null', '"optional":true'));
      },
    ],
  ])('and %s is refused, and nothing of it is stored', async (_, reason, why, signing) => {
    const image = await makeRepository();
    using place = newPlace();
    const key = makeKey(place.folder, 'key');
    await signing(place, image, key);
    configure(place, signedBy(key, image.bare));
    const other = await makeRepository();
    await using engine = await place.open();
    await engine.pull(other.name);
    const before = everyFile(place);
    const expected = { ...refused('POLICY_DENIED', reason), message: expect.stringContaining(why) };
    await expect(engine.pull(image.name)).rejects.toMatchObject(expected);
    await expect(engine.run({ image: image.name, args: ['true'] })).rejects.toMatchObject(expected);
    expect(everyFile(place)).toEqual(before);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('is asked for at the registry when it came before the policy', async () => {
    const image = await makeRepository();
    using place = newPlace();
    const key = makeKey(place.folder, 'key');
    {
      await using engine = await place.open();
      await engine.pull(image.name);
    }
    configure(place, signedBy(key, image.bare));
    await using engine = await place.open();
    const running = { image: image.name, args: ['true'], name: path.basename(place.folder), pull: 'never' } as const;
    await expect(engine.run(running)).rejects.toMatchObject(refused('POLICY_DENIED', 'RULES_UNSIGNED'));
    const { target, bare } = image;
    await pushArtifact(place, bare, cosignSignature({ target, name: bare, privateKey: key.privateKey }));
    expect(await (await engine.run(running)).wait()).toMatchObject({ exitCode: 0 });
  });
});

describe('kill -9 while a signature is kept', () => {
  it.each(killedSteps.signature)('at %s', async (step) => {
    const image = await makeRepository();
    using place = newPlace();
    const key = makeKey(place.folder, 'key');
    const { target, bare: name } = image;
    await pushArtifact(place, name, cosignSignature({ target, name, privateKey: key.privateKey }));
    configure(place, signedBy(key, name));
    const kept = (): number =>
      namesIn(path.join(place.root, 'policy.v1/rules/signatures')).filter((file) => file.endsWith('.json')).length;
    const killed = await runCli(place, ['pull', '-q', image.name], { kill: { step, nth: 1, whom: ['command'] } });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    expect(kept()).toBe(step === 'rules.signature.kept' ? 1 : 0);
    await using engine = await place.open();
    expect(await engine.images.list()).toEqual([]);
    await engine.pull(image.name);
    expect(kept()).toBe(1);
    expect(await echo(engine, image.name, place)).toBe('alive\n');
    expect(leftInPlace(place)).toEqual([]);
  });
});
