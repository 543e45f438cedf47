import type { SecureContext } from 'node:tls';
import { quote } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import { bareHost } from './hosts.js';
import { requireSmallFile } from './read-file.js';
import { remembered } from './remembered.js';

/** How TLS is spoken to one host and port, besides what holds for all. All strings are paths of PEM files. */
export interface HostTls {
  /** Certificate authorities trusted for this host besides the system's. */
  readonly ca?: readonly string[] | undefined;
  /** Certificates to show when the server asks for one. Without `key`, the key is in the file of the certificate. */
  readonly client?: readonly { readonly cert: string; readonly key?: string | undefined }[] | undefined;
  /** Speak to the host whoever it is. */
  readonly skipVerify?: boolean | undefined;
}

/** What a TLS connection is made with. */
export interface TlsSettings {
  readonly secureContext: SecureContext;
  readonly rejectUnauthorized: boolean;
}

/** Settings for `host:port` as in a URL (no port when it is the scheme's own). Errors: `invalid-argument`, those of reading files. */
export type TlsFor = (host: string) => Promise<TlsSettings>;

/**
 * What servers are trusted: the system's certificate authorities, or Node's own where the system has none, those of
 * NODE_EXTRA_CA_CERTS, those in `caFile`, and those of the host. A context of 150 certificates costs more than a handshake, so each is
 * made once; a failure is not remembered.
 */
export function trustOf(caFile: string | undefined, tlsOf: (host: string) => HostTls | undefined = () => undefined): TlsFor {
  const authorities = remembered(async () => {
    const { getCACertificates } = await import('node:tls');
    const system = getCACertificates('system');
    const found = [...(system.length > 0 ? system : getCACertificates('bundled')), ...getCACertificates('extra')];
    if (caFile !== undefined) found.push(await readPem(caFile, 'CERTIFICATE', 'REGISTRY_CA_INVALID'));
    // The system's folder and file of authorities mostly have the same ones, and each costs time.
    return [...new Set(found)];
  });
  const common = remembered(() => contextOf(authorities, {}));
  const own = new Map<string, () => Promise<SecureContext>>();
  return async (host) => {
    const tls = tlsOf(host);
    const rejectUnauthorized = tls?.skipVerify !== true;
    if (tls === undefined || ((tls.ca ?? []).length === 0 && (tls.client ?? []).length === 0))
      return { secureContext: await common(), rejectUnauthorized };
    const context = own.get(host) ?? remembered(() => contextOf(authorities, tls));
    own.set(host, context);
    return { secureContext: await context(), rejectUnauthorized };
  };
}

async function contextOf(authorities: () => Promise<readonly string[]>, tls: HostTls): Promise<SecureContext> {
  const { createSecureContext } = await import('node:tls');
  const common = await authorities();
  const files = tls.ca ?? [];
  const extra = await Promise.all(files.map((file) => readPem(file, 'CERTIFICATE', 'REGISTRY_CA_INVALID')));
  const pairs = await Promise.all((tls.client ?? []).map(({ cert, key }) => readPair(cert, key ?? cert)));
  const ca = [...common, ...extra];
  return createSecureContext(
    pairs.length === 0 ? { ca } : { ca, cert: pairs.map(({ cert }) => cert), key: pairs.map(({ key }) => key) },
  );
}

async function readPair(certFile: string, keyFile: string): Promise<{ readonly cert: string; readonly key: string }> {
  const code = 'REGISTRY_CLIENT_CERTIFICATE_INVALID';
  const cert = await readPem(certFile, 'CERTIFICATE', code);
  const key = await readPem(keyFile, '(?:[A-Z]+ )?PRIVATE KEY', code);
  const { createPrivateKey, X509Certificate } = await import('node:crypto');
  let cause: unknown;
  try {
    // OpenSSL takes a key of another kind than the certificate's without a word, and shows no certificate then.
    if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return { cert, key };
  } catch (error) {
    cause = error;
  }
  throw new SlipwayError({
    kind: 'invalid-argument',
    code,
    message: `the client certificate ${quote(certFile)} cannot be used with the key in ${quote(keyFile)}`,
    hint: 'check that the key belongs to the certificate, and that it has no passphrase',
    cause,
  });
}

/** A system's bundle of all authorities has a quarter of a million. */
const maxPem = 16 * 1024 * 1024;

async function readPem(file: string, label: string, code: string): Promise<string> {
  const invalid = (why: string): SlipwayError =>
    new SlipwayError({
      kind: 'invalid-argument',
      code,
      message: `${quote(file)} ${why}`,
      hint: 'correct the path in the configuration of the registry ("ca", or "client" of its hosts.toml)',
    });
  const pem = await requireSmallFile(file, { what: 'file', maxBytes: maxPem, invalid });
  if (new RegExp(`-----BEGIN (?:TRUSTED )?${label}-----`).test(pem)) return pem;
  throw invalid(`has no ${label === 'CERTIFICATE' ? 'certificate' : 'private key'} in PEM form`);
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
