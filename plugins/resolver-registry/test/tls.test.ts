import { mediaTypes } from '@slipway/oci';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Certificate, CertificateAuthority, pemOf } from './certificates.js';
import { failureOf, openResolver } from './open-resolver.js';
import { ScriptedServer } from './scripted-server.js';

describe('TLS', () => {
  let authority: CertificateAuthority;
  beforeAll(() => {
    authority = new CertificateAuthority();
  });
  afterAll(() => authority[Symbol.dispose]());

  const cases: [string, () => Certificate, string][] = [
    ['expired', () => authority.issue('old', 'IP:127.0.0.1', { expired: true }), 'REGISTRY_TLS_EXPIRED'],
    ['wrong host', () => authority.issue('other', 'DNS:registry.example.com'), 'REGISTRY_TLS_WRONG_HOST'],
    ['self-signed', () => authority.selfSigned('self', 'IP:127.0.0.1'), 'REGISTRY_TLS_SELF_SIGNED'],
  ];
  it.each(cases)('%s: has its own words, and nothing is asked', async (_name, certificate, code) => {
    await using server = await ScriptedServer.start((_request, response) => void response.end(), { tls: pemOf(certificate()) });
    for (const hosts of [{ [server.host]: { plain_http: false } }, {}]) {
      await using resolver = await openResolver({ ca: authority.file, hosts });
      expect(await failureOf(resolver.resolve(`${server.host}/a`))).toMatchObject({ kind: 'failed-precondition', code });
    }
    expect(server.log).toHaveLength(0);
  });

  it('is never given up for plain http', async () => {
    await using server = await ScriptedServer.start((_request, response) => void response.end());
    await using resolver = await openResolver({ hosts: { [server.host]: { plain_http: false } } });
    expect(await failureOf(resolver.resolve(`${server.host}/a`))).toMatchObject({
      kind: 'failed-precondition',
      code: 'REGISTRY_TLS_NOT_SPOKEN',
      hint: expect.stringContaining('plain_http = true'),
    });
    expect(server.log).toHaveLength(0);
  });

  it('does not fall to plain http by a redirect or a realm', async () => {
    await using plain = await ScriptedServer.start((_request, response) => void response.end());
    const tls = pemOf(authority.issue('tls', 'IP:127.0.0.1'));
    await using redirecting = await ScriptedServer.start(
      (_request, response) => void response.writeHead(307, { location: `http://${plain.host}/` }).end(),
      { tls },
    );
    await using challenging = await ScriptedServer.start(
      (_request, response) =>
        void response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${plain.host}/token"` }).end(),
      { tls },
    );
    await using resolver = await openResolver({ ca: authority.file });
    expect(await failureOf(resolver.resolve(`${redirecting.host}/a`))).toMatchObject({
      code: 'REGISTRY_REDIRECT_REFUSED',
      message: expect.stringContaining('from https to plain http'),
    });
    expect(await failureOf(resolver.resolve(`${challenging.host}/a`))).toMatchObject({
      kind: 'permission-denied',
      code: 'REGISTRY_REALM_REFUSED',
    });
    expect(plain.log).toHaveLength(0);
  });

  it('says what is wrong with a CA file', async () => {
    await using resolver = await openResolver({ ca: '/dev/null', hosts: { 'registry.invalid': { plain_http: false } } });
    await using server = await ScriptedServer.start(
      (_request, response) => void response.writeHead(200, { 'content-type': mediaTypes.ociManifest }).end(),
    );
    await using other = await openResolver({ ca: '/dev/null', hosts: { [server.host]: { plain_http: false } } });
    expect(await failureOf(other.resolve(`${server.host}/a`))).toMatchObject({
      kind: 'invalid-argument',
      code: 'REGISTRY_CA_INVALID',
    });
    expect(await failureOf(resolver.resolve('registry.invalid/a'))).toMatchObject({
      kind: expect.stringMatching(/not-found|invalid-argument|unavailable/),
    });
  });
});
