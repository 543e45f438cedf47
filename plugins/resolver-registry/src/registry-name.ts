import { parseReference, quote } from '@slipway/oci';
import { isSlipwayError, SlipwayError } from '@slipway/plugin-api';

const dockerHubNames: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/**
 * The registry that somebody means who logs in: `host[:port]` as in image names, or a URL of it as docker shows it (`https://index.docker.io/v1/`).
 * Errors: `invalid-argument`.
 */
export function registryName(text: string): string {
  const host = text.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
  if (dockerHubNames.has(host)) return 'docker.io';
  try {
    const { registry, repository } = parseReference(`${host}/x`);
    if (repository === 'x' && registry === host) return host;
  } catch (error) {
    if (!isSlipwayError(error)) throw error;
  }
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'REGISTRY_NAME_INVALID',
    message: `${quote(text)} is no registry, expected host or host:port as in names of images`,
    hint: 'a host without a dot is written with its port: myregistry:443',
  });
}
