import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { registryConfig } from '../dist/config.js';
import { findCredential } from '../dist/credentials/find-credential.js';
import { registryName } from '../dist/registry-name.js';
import { DockerRegistry } from './docker-registry.js';
import { HelperPrograms } from './helper-program.js';
import { failureOf, openResolver } from './open-resolver.js';
import { pushImage } from './push-image.js';
import { ScriptedServer } from './scripted-server.js';
import { TokenServer } from './token-server.js';

const password = 'correct horse: battery';
const basic = (pair: string): string => Buffer.from(pair).toString('base64');

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'slipway-login-'));
  file = path.join(folder, 'docker/config.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const kept = (): { auths?: Record<string, unknown> } & Record<string, unknown> => JSON.parse(readFileSync(file, 'utf8'));
function keep(document: unknown): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, typeof document === 'string' ? document : JSON.stringify(document));
}

describe('login to a real registry', () => {
  let registry: DockerRegistry;
  let tokens: TokenServer;
  let withTokens: DockerRegistry;
  let passwords: string;
  beforeAll(async () => {
    passwords = mkdtempSync(path.join(tmpdir(), 'slipway-htpasswd-'));
    const htpasswd = path.join(passwords, 'htpasswd');
    writeFileSync(htpasswd, execFileSync('htpasswd', ['-Bbn', 'alice', password]));
    registry = await DockerRegistry.start({ auth: { htpasswd: { realm: 'test', path: htpasswd } } });
    await pushImage({ origin: `http://${registry.host}`, authorization: `Basic ${basic(`alice:${password}`)}` }, 'team/app');
    tokens = await TokenServer.start({ alice: password }, { 'refresh-me': 'alice' });
    withTokens = await DockerRegistry.start({ auth: tokens.registryAuth });
    await pushImage(
      { origin: `http://${withTokens.host}`, authorization: `Bearer ${tokens.tokenFor(['repository:secret/app:pull,push'])}` },
      'secret/app',
    );
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await withTokens[Symbol.asyncDispose]();
    await tokens[Symbol.asyncDispose]();
    rmSync(passwords, { recursive: true, force: true });
  });

  it('is tried, kept, used, and forgotten', async () => {
    await using resolver = await openResolver({ auth_file: file });
    for (const [host, name] of [
      [registry.host, `${registry.host}/team/app`],
      [withTokens.host, `${withTokens.host}/secret/app`],
    ] as const) {
      await expect(resolver.resolve(name)).rejects.toMatchObject({ kind: 'permission-denied' });
      expect(await resolver.login(host, { username: 'alice', password })).toEqual({ store: file });
      expect(kept().auths?.[host]).toEqual({ auth: basic(`alice:${password}`) });
      await resolver.resolve(name);
      expect(await resolver.logout(host)).toEqual({ store: file });
      expect(kept().auths).toEqual({});
      await expect(resolver.resolve(name)).rejects.toMatchObject({ kind: 'permission-denied' });
      expect(await failureOf(resolver.logout(host))).toMatchObject({ kind: 'not-found', code: 'REGISTRY_NOT_LOGGED_IN' });
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
    expect(readdirSync(path.dirname(file))).toEqual(['config.json']);
  });

  it('takes an identity token', async () => {
    await using resolver = await openResolver({ auth_file: file });
    await resolver.login(withTokens.host, { identityToken: 'refresh-me' });
    expect(kept().auths).toEqual({ [withTokens.host]: { auth: basic('<token>:'), identitytoken: 'refresh-me' } });
    await resolver.resolve(`${withTokens.host}/secret/app`);
  });

  it('keeps nothing that the registry refuses, and shows no password', async () => {
    keep({ auths: {} });
    const before = readFileSync(file, 'utf8');
    await using resolver = await openResolver({ auth_file: file });
    for (const host of [registry.host, withTokens.host])
      for (const credentials of [{ username: 'alice', password: 'wrong-horse' }, { identityToken: 'wrong-horse' }]) {
        const error = await failureOf(resolver.login(host, credentials));
        expect(error).toMatchObject({ kind: 'permission-denied', code: 'REGISTRY_UNAUTHORIZED' });
        expect(JSON.stringify(error)).not.toMatch(/wrong-horse|d3JvbmctaG9yc2/);
      }
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('is read by skopeo and podman, as theirs is by us', async () => {
    // Not execFileSync: the token server is in this process.
    const run = async (command: string, ...args: string[]): Promise<string> => {
      const running = promisify(execFile)(command, args, { timeout: 60_000 });
      running.child.stdin?.end(password);
      return (await running).stdout;
    };
    const name = `${registry.host}/team/app`;
    await using resolver = await openResolver({ auth_file: file });
    await resolver.login(registry.host, { username: 'alice', password });
    await run('skopeo', 'inspect', '--authfile', file, '--tls-verify=false', `docker://${name}`);
    expect((await run('podman', 'login', '--authfile', file, '--get-login', registry.host)).trim()).toBe('alice');
    await resolver.login(withTokens.host, { identityToken: 'refresh-me' });
    await run('skopeo', 'inspect', '--authfile', file, '--tls-verify=false', `docker://${withTokens.host}/secret/app`);

    for (const command of ['skopeo', 'podman']) {
      const theirs = path.join(folder, `${command}.json`);
      await run(command, 'login', '--authfile', theirs, '--tls-verify=false', '-u', 'alice', '--password-stdin', registry.host);
      await using reading = await openResolver({ auth_file: theirs });
      await reading.resolve(name);
      await reading.logout(registry.host);
      await expect(run('skopeo', 'inspect', '--authfile', theirs, '--tls-verify=false', `docker://${name}`)).rejects.toThrow();
    }
  });

  it('goes to the helper that the file names, and so does logout', async () => {
    using helpers = new HelperPrograms();
    helpers.addStore('keeper');
    keep({ credsStore: 'keeper', auths: { other: { auth: 'eDp5' } } });
    await using resolver = await openResolver({ auth_file: file });
    expect(await resolver.login(registry.host, { username: 'alice', password })).toEqual({ store: 'docker-credential-keeper' });
    expect(helpers.kept(registry.host)).toEqual({ ServerURL: registry.host, Username: 'alice', Secret: password });
    expect(kept()).toEqual({ credsStore: 'keeper', auths: { other: { auth: 'eDp5' }, [registry.host]: {} } });
    await resolver.resolve(`${registry.host}/team/app`);
    expect((await resolver.logout(registry.host)).store).toBe(`docker-credential-keeper, ${file}`);
    expect(helpers.kept(registry.host)).toBeUndefined();
    expect(kept()).toEqual({ credsStore: 'keeper', auths: { other: { auth: 'eDp5' } } });

    helpers.add(
      'keeper',
      'cat > /dev/null; [ $1 = get ] && { echo credentials not found; exit 1; }; echo "no room for battery" >&2; exit 1',
    );
    const error = await failureOf(resolver.login(registry.host, { username: 'alice', password: 'correct horse: battery' }));
    expect(error).toMatchObject({ code: 'REGISTRY_HELPER_FAILED' });
    expect(kept().auths).not.toHaveProperty([registry.host]);
  });

  it('keeps what else is in the file, by a link too, and its owner', async () => {
    const real = path.join(folder, 'dotfiles.json');
    const document = {
      psFormat: 'x',
      auths: { 'a.test': { auth: 'eDp5', email: 'e' } },
      HttpHeaders: { a: ['b'] },
      __proto__: null,
    };
    writeFileSync(real, `${JSON.stringify(document).slice(0, -1)},"__proto__":{"x":1}}`, { mode: 0o644 });
    execFileSync('chown', ['1234:2345', real]);
    mkdirSync(path.dirname(file));
    symlinkSync(real, file);
    await using resolver = await openResolver({ auth_file: file });
    await resolver.login(registry.host, { username: 'alice', password });
    const after = kept();
    expect(Object.keys(after)).toEqual(['psFormat', 'auths', 'HttpHeaders', '__proto__']);
    expect(after.auths).toEqual({
      'a.test': { auth: 'eDp5', email: 'e' },
      [registry.host]: { auth: basic(`alice:${password}`) },
    });
    expect(statSync(real)).toMatchObject({ uid: 1234, gid: 2345 });
    expect(statSync(real).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).toSorted()).toEqual(['docker', 'dotfiles.json']);
  });

  it('of many at once loses none', async () => {
    const hosts = await Promise.all(
      Array.from({ length: 12 }, () => ScriptedServer.start((_request, response) => void response.end())),
    );
    try {
      const program = `
        import 'reflect-metadata';
        import { openPlugin } from '@slipway/plugin-testkit';
        import { plugin } from '@slipway/resolver-registry';
        const [root, auth_file, ...hosts] = process.argv.slice(1);
        await using subject = await openPlugin(plugin, { dirs: { root, state: root }, config: { auth_file, config_path: [] } });
        await Promise.all(hosts.map((host) => subject.instance.login(host, { username: 'u', password: 'p' })));`;
      const half = (from: number) => hosts.slice(from, from + 4).map(({ host }) => host);
      const children = [0, 4, 8].map((from) =>
        spawn(process.execPath, ['--input-type=module', '-e', program, folder, file, ...half(from)], {
          cwd: import.meta.dirname,
          stdio: ['ignore', 'ignore', 'inherit'],
        }),
      );
      const codes = await Promise.all(children.map((child) => new Promise((resolve) => child.once('exit', resolve))));
      expect(codes).toEqual([0, 0, 0]);
      expect(new Set(Object.keys(kept().auths ?? {}))).toEqual(new Set(hosts.map(({ host }) => host)));
    } finally {
      for (const one of hosts) await one[Symbol.asyncDispose]();
    }
  });

  it.each(['login.written', 'login.stored'])(
    'that is killed at %s leaves a whole file, and the rest goes with the next',
    async (step) => {
      keep({ auths: { 'a.test': {} } });
      const before = readFileSync(file, 'utf8');
      const program = `
      import 'reflect-metadata';
      import { stepChannel } from '@slipway/plugin-api';
      import { openPlugin } from '@slipway/plugin-testkit';
      import { plugin } from '@slipway/resolver-registry';
      const [root, auth_file, host] = process.argv.slice(1);
      stepChannel.subscribe(({ name }) => name === ${JSON.stringify(step)} && process.kill(process.pid, 'SIGKILL'));
      const { instance } = await openPlugin(plugin, { dirs: { root, state: root }, config: { auth_file, config_path: [] } });
      await instance.login(host, { username: 'alice', password: ${JSON.stringify(password)} });`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, folder, file, registry.host], {
        cwd: import.meta.dirname,
      });
      expect(await new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))).toBe('SIGKILL');
      const isStored = step === 'login.stored';
      if (isStored) expect(Object.keys(kept().auths ?? {})).toEqual(['a.test', registry.host]);
      else expect(readFileSync(file, 'utf8')).toBe(before);
      expect(readdirSync(path.dirname(file))).toHaveLength(isStored ? 1 : 2);
      await using resolver = await openResolver({ auth_file: file });
      await resolver.login(registry.host, { username: 'alice', password });
      expect(readdirSync(path.dirname(file))).toEqual(['config.json']);
    },
  );

  it('is refused where it would not be used, or nothing could be sent so', async () => {
    const auth = { [registry.host]: { username: 'x', password: 'y' } };
    await using configured = await openResolver({ auth_file: file, auth });
    const given = { username: 'alice', password };
    expect(await failureOf(configured.login(registry.host, given))).toMatchObject({ code: 'REGISTRY_LOGIN_CONFIGURED' });
    await using resolver = await openResolver({ auth_file: file });
    for (const credentials of [
      { username: '', password },
      { username: 'a:b', password },
      { username: 'a\nb', password },
      { username: 'a', password: '' },
      { username: 'a', password: 'b\r\nc' },
      { username: 'a', password: 'x'.repeat(10_000) },
      { identityToken: '' },
    ])
      expect(await failureOf(resolver.login(registry.host, credentials))).toMatchObject({
        kind: 'invalid-argument',
        code: 'REGISTRY_CREDENTIALS_INVALID',
      });
    keep('{"auths": ');
    expect(await failureOf(resolver.login(registry.host, given))).toMatchObject({ code: 'REGISTRY_AUTH_FILE_INVALID' });
    expect(readFileSync(file, 'utf8')).toBe('{"auths": ');
  });
});

describe('the file of a login', () => {
  const env = { ...process.env };
  afterEach(() => {
    for (const name of ['HOME', 'XDG_RUNTIME_DIR', 'DOCKER_CONFIG', 'REGISTRY_AUTH_FILE', 'XDG_CONFIG_HOME'])
      if (env[name] === undefined) delete process.env[name];
      else process.env[name] = env[name];
  });

  it("is docker's, or the one that has the registry already", async () => {
    for (const name of ['DOCKER_CONFIG', 'REGISTRY_AUTH_FILE', 'XDG_CONFIG_HOME']) delete process.env[name];
    process.env['HOME'] = folder;
    process.env['XDG_RUNTIME_DIR'] = path.join(folder, 'run');
    await using server = await ScriptedServer.start((_request, response) => void response.end());
    await using resolver = await openResolver({ auth_file: undefined });
    const docker = path.join(folder, '.docker/config.json');
    expect(await resolver.login(server.host, { username: 'a', password: 'b' })).toEqual({ store: docker });
    await resolver.logout(server.host);
    const podman = path.join(folder, 'run/containers/auth.json');
    mkdirSync(path.dirname(podman), { recursive: true });
    writeFileSync(podman, JSON.stringify({ auths: { [server.host]: { auth: basic('a:old') } } }));
    expect(await resolver.login(server.host, { username: 'a', password: 'new' })).toEqual({ store: podman });
    const found = await findCredential(server.host, 'x', v.parse(registryConfig, {}));
    expect(found?.credential).toEqual({ kind: 'password', username: 'a', password: 'new' });
  });
});

describe('the registry of a login', () => {
  it.each([
    ['docker.io', 'docker.io'],
    ['index.docker.io', 'docker.io'],
    ['https://index.docker.io/v1/', 'docker.io'],
    ['https://r.test:5000/v2/', 'r.test:5000'],
    ['localhost:5000', 'localhost:5000'],
    ['localhost', 'localhost'],
    ['[::1]:5000', '[::1]:5000'],
  ])('%s is %s', (text, expected) => expect(registryName(text)).toBe(expected));

  it.each(['', 'alpine', 'r.test/team', 'user@r.test', 'ftp://r.test', 'r.test:99999999', '../x', 'a b.test', '-u'])(
    'cannot be %j',
    (text) => expect(() => registryName(text)).toThrow(expect.objectContaining({ kind: 'invalid-argument' })),
  );
});
