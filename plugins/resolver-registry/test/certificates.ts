import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority made by openssl in a folder of its own. */
export class CertificateAuthority implements Disposable {
  private readonly folder = mkdtempSync(path.join(tmpdir(), 'slipway-ca-'));
  readonly file = path.join(this.folder, 'ca.crt');
  private readonly key = path.join(this.folder, 'ca.key');

  constructor() {
    this.openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-subj',
      '/CN=Test CA',
      '-days',
      '2',
      '-keyout',
      this.key,
      '-out',
      this.file,
    );
  }

  /** For these subject alternative names: `IP:127.0.0.1,DNS:localhost`. */
  issue(name: string, alternatives: string, options: { readonly expired?: boolean } = {}): Certificate {
    const [key, request, certificate, extensions] = ['key', 'csr', 'crt', 'ext'].map((kind) =>
      path.join(this.folder, `${name}.${kind}`),
    ) as [string, string, string, string];
    writeFileSync(extensions, `subjectAltName=${alternatives}\n`);
    this.openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      key,
      '-out',
      request,
    );
    const days = options.expired ? '-1' : '2';
    this.openssl(
      'x509',
      '-req',
      '-in',
      request,
      '-CA',
      this.file,
      '-CAkey',
      this.key,
      '-CAcreateserial',
      '-days',
      days,
      '-extfile',
      extensions,
      '-out',
      certificate,
    );
    return { certificate, key };
  }

  selfSigned(name: string, alternatives: string): Certificate {
    const [key, certificate] = ['key', 'crt'].map((kind) => path.join(this.folder, `${name}.${kind}`)) as [string, string];
    this.openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-addext',
      `subjectAltName=${alternatives}`,
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      certificate,
    );
    return { certificate, key };
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}

export function pemOf(certificate: Certificate): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(certificate.certificate), key: readFileSync(certificate.key) };
}
