import { canceled, isSlipwayError, SlipwayError, type SlipwayErrorOptions, wrapError } from '@slipway/plugin-api';

type Fault = Pick<SlipwayErrorOptions, 'kind' | 'code' | 'hint'> & { readonly says: string };

const unknownAuthority: Fault = {
  kind: 'failed-precondition',
  code: 'REGISTRY_TLS_UNKNOWN_AUTHORITY',
  says: 'its certificate is signed by an authority that is not trusted here',
  hint: 'install the authority\'s certificate on this host, lay it down as /etc/slipway/certs.d/HOST:PORT/ca.crt, or name its PEM file as "ca" in [plugin.resolver-registry]',
};
const selfSigned: Fault = {
  kind: 'failed-precondition',
  code: 'REGISTRY_TLS_SELF_SIGNED',
  says: 'its certificate is self-signed',
  hint: 'if you trust it, lay it down as /etc/slipway/certs.d/HOST:PORT/ca.crt, or name its PEM file as "ca" in [plugin.resolver-registry]',
};
const clientCertificate: Fault = {
  kind: 'failed-precondition',
  code: 'REGISTRY_TLS_CLIENT_CERTIFICATE_REQUIRED',
  says: 'it wants a client certificate, and takes none or not the one it was shown',
  hint: 'name the certificate and its key as "client" in the hosts.toml of the registry',
};
const noTls: Fault = {
  kind: 'failed-precondition',
  code: 'REGISTRY_TLS_NOT_SPOKEN',
  says: 'it does not speak TLS on this port (perhaps plain http)',
  hint: 'check the port; for a registry that only speaks http set plain_http = true in [plugin.resolver-registry.hosts."host:port"]',
};
const reset: Fault = {
  kind: 'unavailable',
  code: 'REGISTRY_CONNECTION_RESET',
  says: 'the connection was closed before the answer was complete',
  hint: 'try again; if that goes on, look at the network, or at what stands between this host and the registry',
};
const timeout: Fault = {
  kind: 'unavailable',
  code: 'REGISTRY_TIMEOUT',
  says: 'it did not answer in time',
  hint: 'try again; if that goes on, look at the network, or set idle_timeout in [plugin.resolver-registry]',
};
const unreachable: Fault = {
  kind: 'unavailable',
  code: 'REGISTRY_UNREACHABLE',
  says: 'its network cannot be reached',
  hint: 'check the network of this host',
};

const faults: Readonly<Record<string, Fault>> = {
  ENOTFOUND: {
    kind: 'not-found',
    code: 'REGISTRY_HOST_NOT_FOUND',
    says: 'no such host is known',
    hint: 'check the spelling of the registry in the image name, and name resolution on this host',
  },
  EAI_AGAIN: {
    kind: 'unavailable',
    code: 'REGISTRY_NAME_RESOLUTION',
    says: 'name resolution does not work at the moment',
    hint: 'check /etc/resolv.conf',
  },
  ECONNREFUSED: {
    kind: 'unavailable',
    code: 'REGISTRY_CONNECTION_REFUSED',
    says: 'the connection was refused',
    hint: 'check host and port, and that the registry is running',
  },
  ECONNRESET: reset,
  EPIPE: reset,
  UND_ERR_SOCKET: reset,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: reset,
  ETIMEDOUT: timeout,
  UND_ERR_CONNECT_TIMEOUT: timeout,
  UND_ERR_HEADERS_TIMEOUT: timeout,
  UND_ERR_BODY_TIMEOUT: { ...timeout, says: 'it stopped sending in the middle of the answer' },
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  UND_ERR_HEADERS_OVERFLOW: {
    kind: 'resource-exhausted',
    code: 'REGISTRY_HEADERS_TOO_LARGE',
    says: 'the headers of its answer are too large',
    hint: 'check that host and port are those of a registry',
  },
  CERT_HAS_EXPIRED: {
    kind: 'failed-precondition',
    code: 'REGISTRY_TLS_EXPIRED',
    says: 'its certificate has expired',
    hint: 'check the clock of this host; otherwise the registry needs a new certificate',
  },
  CERT_NOT_YET_VALID: {
    kind: 'failed-precondition',
    code: 'REGISTRY_TLS_NOT_YET_VALID',
    says: 'its certificate is not valid yet',
    hint: 'check the clock of this host',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    kind: 'failed-precondition',
    code: 'REGISTRY_TLS_WRONG_HOST',
    says: 'its certificate is for another host',
    hint: 'use the host name that is in the certificate',
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: selfSigned,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  EPROTO: noTls,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: clientCertificate,
  ERR_SSL_WRONG_VERSION_NUMBER: noTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: noTls,
  ERR_SSL_HTTP_REQUEST: noTls,
  UND_ERR_DESTROYED: { kind: 'canceled', code: 'RESOLVER_CLOSED', says: 'the resolver was closed' },
  UND_ERR_CLOSED: { kind: 'canceled', code: 'RESOLVER_CLOSED', says: 'the resolver was closed' },
};

/** The error of a connection, in words that tell what is wrong with it. `what`: the operation and the quoted host. */
export function transportError(what: string, error: unknown, signal?: AbortSignal): SlipwayError {
  if (isSlipwayError(error)) return error;
  if (signal?.aborted) return canceled(what, signal);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const fault = (Object.hasOwn(faults, code) ? faults[code] : undefined) ?? faultOfFamily(error, code);
  if (fault === undefined) return wrapError(what, error);
  return new SlipwayError({
    kind: fault.kind,
    code: fault.code,
    message: `${what}: ${fault.says}`,
    hint: fault.hint,
    cause: error,
  });
}

function faultOfFamily(error: unknown, code: string): Fault | undefined {
  // undici's parser gives most of its errors no code.
  if (error instanceof Error && error.name === 'HTTPParserError')
    return { kind: 'unavailable', code: 'REGISTRY_NOT_HTTP', says: 'its answer is not HTTP', hint: 'check the port' };
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code.startsWith('CERT_'))
    return {
      kind: 'failed-precondition',
      code: 'REGISTRY_TLS_FAILED',
      says: `the TLS connection failed (${code})`,
      hint: 'look into the log of the registry',
    };
  return undefined;
}
