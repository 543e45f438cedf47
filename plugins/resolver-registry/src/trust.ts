import { readFile } from 'node:fs/promises';
import type { SecureContext } from 'node:tls';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import { bareHost } from './hosts.js';

/**
 * What servers are trusted: the system's certificate authorities, or Node's own where the system has none, those of
 * NODE_EXTRA_CA_CERTS, and those in `caFile`. Made once per resolver: a context of 150 certificates costs more than a handshake.
 */
export async function trustedContext(caFile: string | undefined): Promise<SecureContext> {
  const { createSecureContext, getCACertificates } = await import('node:tls');
  const system = getCACertificates('system');
  const authorities = [...(system.length > 0 ? system : getCACertificates('bundled')), ...getCACertificates('extra')];
  if (caFile !== undefined) authorities.push(await readAuthorities(caFile));
  // The system's folder and file of authorities mostly have the same ones, and each costs time.
  return createSecureContext({ ca: [...new Set(authorities)] });
}

async function readAuthorities(caFile: string): Promise<string> {
  const pem = await readFile(caFile, 'utf8').catch((error: unknown) => {
    throw wrapError(`reading the certificate authorities "${caFile}"`, error);
  });
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'REGISTRY_CA_INVALID',
    message: `"${caFile}" has no certificate in PEM form`,
    hint: 'correct "ca" in [plugin.resolver-registry]',
  });
}

/** Finds out whether a server speaks TLS at all. Its certificate is not looked at and nothing is sent. */
export async function speaksTls(origin: URL, signal: AbortSignal | undefined): Promise<boolean> {
  const { connect } = await import('node:tls');
  return new Promise((resolve) => {
    const host = bareHost(origin.hostname);
    const port = Number(origin.port || '80');
    const socket = connect({
      host,
      port,
      rejectUnauthorized: false,
      timeout: 2000,
      ...(host === 'localhost' ? { servername: host } : {}),
    });
    const end = (answer: boolean): void => {
      signal?.removeEventListener('abort', give);
      socket.destroy();
      resolve(answer);
    };
    const give = (): void => end(false);
    signal?.addEventListener('abort', give, { once: true });
    socket
      .once('secureConnect', () => end(true))
      .once('error', give)
      .once('close', give)
      .once('timeout', give);
  });
}
