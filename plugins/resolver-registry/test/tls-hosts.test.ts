import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registryConfig } from '../dist/config.js';
import { Transport } from '../dist/transport.js';
import { type HostTls, trustOf } from '../dist/trust.js';
import { type Certificate, CertificateAuthority, pemOf } from './certificates.js';
import { ScriptedServer } from './scripted-server.js';

describe('TLS of one host', () => {
  let authority: CertificateAuthority;
  let other: CertificateAuthority;
  let client: Certificate;
  beforeAll(() => {
    [authority, other] = [new CertificateAuthority(), new CertificateAuthority()];
    client = authority.issue('client', 'DNS:client');
  });
  afterAll(() => {
    authority[Symbol.dispose]();
    other[Symbol.dispose]();
  });

  /** Asks as the registry itself and as a host that someone else named. */
  const ask = async (
    server: ScriptedServer,
    tlsOf: (host: string) => HostTls | undefined,
    caFile?: string,
  ): Promise<number[]> => {
    const config = v.parse(registryConfig, { hosts: { [server.host]: { allow_private_address: true } } });
    const statuses: number[] = [];
    for (const own of [true, false]) {
      await using transport = new Transport(config, 'test', trustOf(caFile, tlsOf));
      const url = new URL(`https://${server.host}/`);
      const response = await transport.send({ method: 'GET', url, headers: {}, own });
      await response.body.dump();
      statuses.push(response.status);
    }
    return statuses;
  };

  it('an authority of its own is trusted for it alone', async () => {
    const tls = pemOf(authority.issue('own', 'IP:127.0.0.1'));
    await using server = await ScriptedServer.start((_request, response) => void response.end(), { tls });
    const only = (host: string) => (asked: string) => (asked === host ? { ca: [authority.file] } : undefined);
    expect(await ask(server, only(server.host))).toEqual([200, 200]);
    await expect(ask(server, only('127.0.0.1'))).rejects.toMatchObject({ code: 'REGISTRY_TLS_UNKNOWN_AUTHORITY' });
    await expect(ask(server, () => ({ ca: [other.file] }))).rejects.toMatchObject({ code: 'REGISTRY_TLS_UNKNOWN_AUTHORITY' });
    expect(await ask(server, () => ({ ca: [other.file] }), authority.file)).toEqual([200, 200]);
  });

  it('a client certificate is shown where it is configured, with its key in the same file or beside it', async () => {
    const tls = { ...pemOf(authority.issue('wants', 'IP:127.0.0.1')), ca: readFileSync(authority.file), requestCert: true };
    await using server = await ScriptedServer.start(
      (request, response) => void response.writeHead((request.socket as TLSSocket).authorized ? 200 : 403).end(),
      { tls: { ...tls, rejectUnauthorized: false } },
    );
    const both = path.join(path.dirname(client.key), 'both.pem');
    writeFileSync(both, readFileSync(client.certificate, 'utf8') + readFileSync(client.key, 'utf8'), { mode: 0o600 });
    const ca = [authority.file];
    expect(await ask(server, () => ({ ca }))).toEqual([403, 403]);
    expect(await ask(server, () => ({ ca, client: [{ cert: client.certificate, key: client.key }] }))).toEqual([200, 200]);
    expect(await ask(server, () => ({ ca, client: [{ cert: both }] }))).toEqual([200, 200]);
    expect(await ask(server, (host) => ({ ca, ...(host === 'other' ? { client: [{ cert: both }] } : {}) }))).toEqual([403, 403]);
  });

  it('any certificate is taken where verification is skipped, and only there', async () => {
    for (const certificate of [
      authority.selfSigned('skipped', 'DNS:elsewhere'),
      authority.issue('skipped-old', 'IP:127.0.0.1', { expired: true }),
    ]) {
      await using server = await ScriptedServer.start((_request, response) => void response.end(), { tls: pemOf(certificate) });
      expect(await ask(server, () => ({ skipVerify: true }))).toEqual([200, 200]);
      await expect(ask(server, () => ({ skipVerify: false }))).rejects.toMatchObject({ kind: 'failed-precondition' });
    }
  });

  it('skipped verification is no plain http', async () => {
    await using server = await ScriptedServer.start((_request, response) => void response.end());
    await expect(ask(server, () => ({ skipVerify: true }))).rejects.toMatchObject({ code: 'REGISTRY_TLS_NOT_SPOKEN' });
    expect(server.log).toHaveLength(0);
  });

  it('files that cannot be used are named, and used once they are right', async () => {
    const tls = pemOf(authority.issue('late', 'IP:127.0.0.1'));
    await using server = await ScriptedServer.start((_request, response) => void response.end(), { tls });
    const late = path.join(path.dirname(client.key), 'late.pem');
    const wrong: readonly [HostTls, string][] = [
      [{ ca: ['/dev/null'] }, 'REGISTRY_CA_INVALID'],
      [{ client: [{ cert: '/dev/null' }] }, 'REGISTRY_CLIENT_CERTIFICATE_INVALID'],
      [{ client: [{ cert: client.certificate }] }, 'REGISTRY_CLIENT_CERTIFICATE_INVALID'],
      [
        { client: [{ cert: client.certificate, key: authority.selfSigned('x', 'DNS:x').key }] },
        'REGISTRY_CLIENT_CERTIFICATE_INVALID',
      ],
    ];
    for (const [settings, code] of wrong)
      await expect(ask(server, () => settings)).rejects.toMatchObject({ kind: 'invalid-argument', code });

    const trust = trustOf(undefined, () => ({ ca: [late] }));
    await expect(trust(server.host)).rejects.toMatchObject({ kind: 'not-found', message: expect.stringContaining(late) });
    writeFileSync(late, readFileSync(authority.file));
    expect(await trust(server.host)).toMatchObject({ rejectUnauthorized: true });
  });

  it('a file of authorities for all that was missing is read once it is there: the failure was remembered for ever', async () => {
    const late = path.join(path.dirname(client.key), 'late-for-all.pem');
    const tls = pemOf(authority.issue('all', 'IP:127.0.0.1'));
    await using server = await ScriptedServer.start((_request, response) => void response.end(), { tls });
    await using transport = new Transport(v.parse(registryConfig, {}), 'test', trustOf(late));
    const request = { method: 'GET', url: new URL(`https://${server.host}/`), headers: {}, own: true } as const;
    await expect(transport.send(request)).rejects.toMatchObject({ kind: 'not-found' });
    writeFileSync(late, readFileSync(authority.file));
    const response = await transport.send(request);
    await response.body.dump();
    expect(response.status).toBe(200);
  });
});
