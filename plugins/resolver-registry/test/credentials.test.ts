import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RegistryConfig, registryConfig } from '../dist/config.js';
import { authFilePlaces } from '../dist/credentials/auth-files.js';
import { dockerKey, keyFor, keysOf } from '../dist/credentials/auth-keys.js';
import { findCredential } from '../dist/credentials/find-credential.js';
import { HelperPrograms } from './helper-program.js';
import { failureOf } from './open-resolver.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const password = (username: string, secret: string) => ({ kind: 'password', username, password: secret });

let folder: string;
let helpers: HelperPrograms;
beforeAll(() => {
  helpers = new HelperPrograms();
});
afterAll(() => helpers[Symbol.dispose]());
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'slipway-auth-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function configOf(document: unknown, more: Readonly<Record<string, unknown>> = {}): RegistryConfig {
  const file = path.join(folder, 'auth.json');
  writeFileSync(file, typeof document === 'string' ? document : JSON.stringify(document));
  return v.parse(registryConfig, { auth_file: file, ...more });
}

async function found(document: unknown, registry: string, repository = 'a/b'): Promise<unknown> {
  return (await findCredential(registry, repository, configOf(document)))?.credential;
}

describe('the key of a registry', () => {
  const keys = (...names: readonly string[]) => new Map(names.map((name) => [name, {}]));

  it.each([
    ['host and port exactly', ['r.test', 'r.test:5000', 'r.test:5001'], 'r.test:5000', 'r.test:5000'],
    ['no port for one with', ['r.test'], 'r.test:5000', undefined],
    ['a port for one without', ['r.test:443'], 'r.test', undefined],
    ['no host that only begins so', ['r.test.evil'], 'r.test', undefined],
    ['a URL, of which the host counts', ['https://r.test:5000/v1/'], 'r.test:5000', 'https://r.test:5000/v1/'],
    ['the place of an API', ['r.test/v2/'], 'r.test', 'r.test/v2/'],
    ['upper case', ['R.Test'], 'r.test', 'R.Test'],
    ["Docker Hub's own", ['docker.io', 'https://index.docker.io/v1/'], 'docker.io', 'https://index.docker.io/v1/'],
    ['Docker Hub as podman writes it', ['docker.io'], 'docker.io', 'docker.io'],
    ['the repository', ['r.test', 'r.test/team', 'r.test/team/app'], 'r.test', 'r.test/team/app'],
    ['the namespace', ['r.test', 'r.test/team', 'r.test/team/other'], 'r.test', 'r.test/team'],
    ['no namespace that only begins so', ['r.test/tea'], 'r.test', undefined],
    ['plain data', ['__proto__'], 'constructor', undefined],
  ])('is %s', (_name, names, registry, expected) => {
    expect(keyFor(keys(...names), registry, 'team/app')).toBe(expected);
  });

  it('is all spellings of it, and no namespace, when it is to be forgotten', () => {
    expect(keysOf(keys('r.test', 'https://r.test/v1/', 'r.test/team', 'r.test:5000'), 'r.test')).toEqual([
      'r.test',
      'https://r.test/v1/',
    ]);
    expect(dockerKey('docker.io')).toBe('https://index.docker.io/v1/');
    expect(dockerKey('r.test:5000')).toBe('r.test:5000');
  });
});

describe('files of credentials', () => {
  it('are looked for where docker and podman keep them', () => {
    const home = { HOME: '/home/a' };
    expect(authFilePlaces('/x/auth.json', { ...home, REGISTRY_AUTH_FILE: '/y' }).files).toEqual(['/x/auth.json']);
    expect(authFilePlaces(undefined, { ...home, REGISTRY_AUTH_FILE: '/y' })).toEqual({ files: ['/y'], preferred: '/y' });
    expect(authFilePlaces(undefined, { ...home, XDG_RUNTIME_DIR: '/run/user/7', DOCKER_CONFIG: '/d' })).toEqual({
      files: [
        '/run/user/7/containers/auth.json',
        '/home/a/.config/containers/auth.json',
        '/d/config.json',
        '/home/a/.docker/config.json',
      ],
      preferred: '/d/config.json',
    });
    expect(authFilePlaces(undefined, home).files).toEqual([
      `/run/containers/${process.geteuid?.()}/auth.json`,
      '/home/a/.config/containers/auth.json',
      '/home/a/.docker/config.json',
    ]);
  });

  it('that are not there, or empty, have none', async () => {
    expect(
      await findCredential('r.test', 'a', v.parse(registryConfig, { auth_file: path.join(folder, 'none') })),
    ).toBeUndefined();
    expect(await found('', 'r.test')).toBeUndefined();
    expect(await found({}, 'r.test')).toBeUndefined();
    expect(await found({ auths: { 'r.test': {} } }, 'r.test')).toBeUndefined();
  });

  it.each([
    ['auth', { auth: base64('alice:pass:word') }, password('alice', 'pass:word')],
    ['username and password', { username: 'alice', password: 'pw' }, password('alice', 'pw')],
    [
      'an identity token',
      { auth: base64('alice:'), identitytoken: 'tok' },
      { kind: 'identity-token', token: 'tok', username: 'alice' },
    ],
    ['an identity token alone', { identitytoken: 'tok' }, { kind: 'identity-token', token: 'tok' }],
    ['a registry token', { registrytoken: 'tok' }, { kind: 'registry-token', token: 'tok' }],
    ['a token in place of a user', { auth: base64('<token>:tok') }, { kind: 'identity-token', token: 'tok' }],
  ])('say %s', async (_name, entry, expected) => {
    expect(await found({ auths: { 'r.test': entry } }, 'r.test')).toEqual(expected);
  });

  it.each([
    ['no JSON', '{"auths": {"r.test": {"auth": "c2VjcmV0"', 'it is no JSON'],
    ['another document', '[]', 'it is an array, expected an object'],
    ['auths of another type', { auths: [] }, 'auths is an array'],
    ['an entry of another type', { auths: { 'r.test': 'c2VjcmV0' } }, 'auths["r.test"] is a string'],
    ['no base64', { auths: { 'r.test': { auth: 'c2VjcmV0!' } } }, 'auths["r.test"].auth is not base64'],
    ['no colon', { auths: { 'r.test': { auth: base64('secret') } } }, 'auths["r.test"].auth is not base64'],
    [
      'a line break',
      { auths: { 'r.test': { identitytoken: 'secret\r\nX: y' } } },
      'auths["r.test"].identitytoken has line breaks',
    ],
    ['a password without a user', { auths: { 'r.test': { password: 'secret' } } }, 'has a password but no user name'],
    ['a number', { auths: { 'r.test': { auth: 7 } } }, 'auths["r.test"].auth is no string'],
    ['helpers of another type', { credHelpers: { 'r.test': {} } }, 'credHelpers["r.test"] is no string'],
    ['a store of another type', { credsStore: 7 }, 'credsStore is no string'],
  ])('that are broken are told with file and key, not what stands there: %s', async (_name, document, message) => {
    const error = await failureOf(found(document, 'r.test'));
    expect(error).toMatchObject({ kind: 'invalid-argument', code: 'REGISTRY_AUTH_FILE_INVALID' });
    expect(error.message).toContain(path.join(folder, 'auth.json'));
    expect(error.message).toContain(message);
    expect(JSON.stringify(error)).not.toMatch(/secret|c2VjcmV0/);
  });

  it('must be regular and of bounded size', async () => {
    const at = (file: string) => findCredential('r.test', 'a', v.parse(registryConfig, { auth_file: file }));
    execFileSync('mkfifo', [path.join(folder, 'fifo')]);
    execFileSync('truncate', ['-s', '10G', path.join(folder, 'large')]);
    expect((await failureOf(at(path.join(folder, 'fifo')))).message).toContain('is no regular file');
    expect((await failureOf(at('/dev/zero'))).message).toContain('is no regular file');
    expect((await failureOf(at(folder))).message).toContain('is no regular file');
    expect((await failureOf(at(path.join(folder, 'large')))).message).toContain('has more than 4194304 bytes');
  });

  it('come after the configuration', async () => {
    const auth = { 'r.test': { username: 'config', password: 'pw' } };
    const config = configOf({ auths: { 'r.test': { auth: base64('file:pw') } } }, { auth });
    expect(await findCredential('r.test', 'a', config)).toEqual({
      credential: password('config', 'pw'),
      source: '[plugin.resolver-registry.auth."r.test"]',
    });
  });
});

describe('credential helpers', () => {
  const store = { ServerURL: 'x', Username: 'helped', Secret: 'open sesame' };
  const says = (value: unknown): string => `cat > "$DIR/asked"; echo '${JSON.stringify(value)}'`;
  const helped = (name: string) => found({ credHelpers: { 'r.test': name } }, 'r.test');

  it('of the registry come first, then the one for all, then the file itself', async () => {
    helpers.add('one', says({ ...store, Username: 'one' }));
    helpers.add('all', says({ ...store, Username: 'all' }));
    helpers.add('empty', 'cat > /dev/null; echo "credentials not found in native keychain"; exit 1');
    const auths = { 'r.test': { auth: base64('file:pw') } };
    const cases = [
      [{ credHelpers: { 'r.test': 'one' }, credsStore: 'all', auths }, 'one'],
      [{ credHelpers: { 'other.test': 'one' }, credsStore: 'all', auths }, 'all'],
      [{ credHelpers: { 'r.test': 'empty' }, credsStore: 'all', auths }, 'all'],
      [{ credHelpers: { 'r.test': 'empty' }, credsStore: 'empty', auths }, 'file'],
    ] as const;
    for (const [document, username] of cases) expect(await found(document, 'r.test')).toMatchObject({ username });
    expect(await found({ credsStore: 'empty' }, 'r.test')).toBeUndefined();
  });

  it('are told the registry on stdin, Docker Hub as docker names it', async () => {
    helpers.add('ask', says(store));
    expect(await found({ credsStore: 'ask' }, 'r.test:5000')).toEqual(password('helped', 'open sesame'));
    expect(readFileSync(path.join(helpers.folder, 'asked'), 'utf8')).toBe('r.test:5000');
    await found({ credsStore: 'ask' }, 'docker.io');
    expect(readFileSync(path.join(helpers.folder, 'asked'), 'utf8')).toBe('https://index.docker.io/v1/');
  });

  it('give identity tokens under the user name <token>', async () => {
    helpers.add('token', says({ ServerURL: '', Username: '<token>', Secret: 'tok' }));
    expect(await helped('token')).toEqual({ kind: 'identity-token', token: 'tok' });
  });

  it.each(['../evil', '/bin/true', 'a/b', '', '-x', 'a b', '.', 'a\0b'])('have a name, not a path: %j', async (name) => {
    const error = await failureOf(found({ credHelpers: { 'r.test': name }, credsStore: name || '..' }, 'r.test'));
    expect(error).toMatchObject({ kind: 'invalid-argument', code: 'REGISTRY_HELPER_INVALID' });
  });

  it.each([
    ['missing', undefined, 'REGISTRY_HELPER_MISSING', 'no such program'],
    ['failing', 'echo "keychain is locked" >&2; exit 3', 'REGISTRY_HELPER_FAILED', 'exited with 3 (keychain is locked)'],
    ['answering nonsense', 'echo sesame', 'REGISTRY_HELPER_FAILED', 'something else'],
    ['answering a header', `printf '{"Username":"a\\\\r\\\\nb","Secret":"sesame"}'`, 'REGISTRY_HELPER_FAILED', 'something else'],
    ['failing with an answer', `echo '{"Secret":"sesame"}'; exit 1`, 'REGISTRY_HELPER_FAILED', 'exited with 1'],
    ['printing a gigabyte', 'head -c 1073741824 /dev/zero', 'REGISTRY_HELPER_FAILED', 'more than 65536 bytes'],
  ])('that are %s are an error, not anonymous', async (name, script, code, message) => {
    if (script !== undefined) helpers.add(name.replaceAll(' ', '-'), script);
    const error = await failureOf(helped(name.replaceAll(' ', '-')));
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(JSON.stringify(error)).not.toContain('sesame');
  });

  it('take what they print on stderr, however much it is, without an end', async () => {
    helpers.add('noisy', `head -c 10000000 /dev/zero >&2; ${says(store)}`);
    expect(await helped('noisy')).toEqual(password('helped', 'open sesame'));
  });

  it('that leave an agent behind are not waited for', async () => {
    helpers.add('agent', `sleep 1000 & echo $! > "$DIR/agent"; ${says(store)}`);
    expect(await helped('agent')).toEqual(password('helped', 'open sesame'));
    process.kill(Number(readFileSync(path.join(helpers.folder, 'agent'), 'utf8')));
  });

  describe('that hang', () => {
    const hanging = 'echo $$ > "$DIR/hanging"; trap "" TERM INT; sleep 1000 & echo $! > "$DIR/child"; wait; wait';
    const pids = () => ['hanging', 'child'].map((name) => Number(readFileSync(path.join(helpers.folder, name), 'utf8')));
    const isAlive = (pid: number): boolean => {
      try {
        return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
      } catch {
        return false;
      }
    };
    const allEnd = async (): Promise<void> => {
      for (const pid of pids()) while (isAlive(pid)) await sleep(20);
    };

    it('are killed with their children', async () => {
      helpers.add('hang', hanging);
      const config = configOf({ credsStore: 'hang' }, { helper_timeout: 1 });
      expect(await failureOf(findCredential('r.test', 'a', config))).toMatchObject({
        kind: 'unavailable',
        code: 'REGISTRY_HELPER_TIMEOUT',
      });
      await allEnd();
    });

    it('are killed when nobody waits any more', async () => {
      helpers.add('abort', hanging);
      rmSync(path.join(helpers.folder, 'child'), { force: true });
      const controller = new AbortController();
      const finding = failureOf(findCredential('r.test', 'a', configOf({ credsStore: 'abort' }), controller.signal));
      while (!existsSync(path.join(helpers.folder, 'child'))) await sleep(20);
      await sleep(50);
      controller.abort();
      expect(await finding).toMatchObject({ kind: 'canceled' });
      await allEnd();
    });
  });
});
