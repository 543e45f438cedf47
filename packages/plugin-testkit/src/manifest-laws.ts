import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { apiVersion, type Capabilities, type Declarations, type Plugin, type Point } from '@slipway/plugin-api';
import type { LawRunner } from './law-runner.js';
import { type OpenSubject, type Subject, type SuiteOptions, temporaryRoot } from './subject.js';

/** What a suite knows of its contract. */
export interface Contract<T> {
  readonly point: Point<T>;
  /** Methods that every implementation has. */
  readonly methods: readonly (keyof T & string)[];
  /** Methods that are there exactly when the capability of that name is claimed. */
  readonly optionalMethods?: Readonly<Record<string, readonly (keyof T & string)[]>> | undefined;
}

/** Manifest agreement: what package.json says, what the code says, and what the instance has are one. */
export function manifestLaws<T>(
  runner: LawRunner,
  open: OpenSubject<T>,
  { point, methods, optionalMethods = {} }: Contract<T>,
  { manifest }: Pick<SuiteOptions, 'manifest'>,
): void {
  const opened = async (look: (subject: Subject<T>) => void): Promise<void> => {
    await using place = await temporaryRoot();
    await using subject = await open(place.root);
    look(subject);
  };

  runner.describe('manifest agreement', () => {
    runner.it('every method of the contract is there', () =>
      opened(({ instance }) => {
        for (const method of methods) assert.equal(typeof instance[method], 'function', method);
      }),
    );

    runner.it('capabilities are plain data', () =>
      opened(({ capabilities }) => {
        for (const [name, value] of Object.entries(capabilities)) assert.ok(isPlain(value), `capability "${name}"`);
      }),
    );

    for (const [capability, names] of Object.entries(optionalMethods)) {
      runner.it(`the capability "${capability}" is claimed exactly when ${names.join(', ')} can be called`, () =>
        opened(({ instance, capabilities }) => {
          const isClaimed = Boolean(capabilities[capability]);
          for (const name of names) assert.equal(typeof instance[name] === 'function', isClaimed, `method "${name}"`);
        }),
      );
    }

    if (manifest === undefined) return;

    runner.it('package.json says of the plugin what its code says', async () => {
      const { slipway, plugin } = await load(manifest);
      const { provides, id, api, declares } = plugin;
      assert.equal(provides.id, point.id, 'provides');
      const said = { provides: provides.id, id, api, declares: declares ?? slipway.declares };
      assert.deepEqual(said, { provides: slipway.provides, id: slipway.id, api: slipway.api, declares: slipway.declares });
      const keys = Object.keys(slipway).filter((key) => !['plugin', 'provides', 'id', 'api', 'declares'].includes(key));
      assert.deepEqual(keys, [], 'keys that mean nothing');
      assert.match(id, /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
    });

    runner.it('it was built against a version of plugin-api that this one serves', async () => {
      const [major, minor] = (await load(manifest)).plugin.api.split('.').map(Number);
      const [ourMajor, ourMinor] = apiVersion.split('.').map(Number);
      assert.equal(major, ourMajor);
      assert.ok((minor ?? Number.NaN) <= (ourMinor ?? 0), `found minor ${minor}, expected at most ${ourMinor}`);
    });

    runner.it('its configuration refuses keys that it does not know', async () => {
      const { config } = (await load(manifest)).plugin;
      const checked = await config?.['~standard'].validate({ 'no such key': 1 });
      assert.ok(config === undefined || checked?.issues !== undefined, 'the key "no such key" was taken');
    });
  });
}

interface ManifestKey {
  readonly plugin: string;
  readonly provides: string;
  readonly id: string;
  readonly api: string;
  readonly declares?: unknown;
}

/** What a package.json declares of its plugin. */
export async function declaredIn(manifest: string | URL): Promise<Declarations> {
  const { slipway } = JSON.parse(await readFile(new URL(manifest), 'utf8')) as {
    readonly slipway?: { readonly declares?: Declarations };
  };
  return slipway?.declares ?? {};
}

async function load(manifest: string | URL): Promise<{ readonly slipway: ManifestKey; readonly plugin: Plugin }> {
  const { slipway } = JSON.parse(await readFile(new URL(manifest), 'utf8')) as { readonly slipway?: ManifestKey };
  assert.ok(slipway !== undefined, `${String(manifest)} has no key "slipway"`);
  const { plugin } = (await import(new URL(slipway.plugin, manifest).href)) as { readonly plugin?: Plugin };
  assert.ok(plugin !== undefined, `${slipway.plugin} exports no "plugin"`);
  return { slipway, plugin };
}

function isPlain(value: Capabilities[string]): boolean {
  return Array.isArray(value)
    ? value.every((entry) => typeof entry === 'string')
    : ['string', 'number', 'boolean'].includes(typeof value);
}
