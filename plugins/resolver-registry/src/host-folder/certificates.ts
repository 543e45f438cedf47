import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { quote } from '@slipway/oci';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import { requireTrusted } from '@slipway/trust';
import type { HostTls } from '../trust.js';

/** Docker's form of a folder: `*.crt` are authorities, `NAME.cert` with `NAME.key` is a client certificate. */
export async function certificatesIn(folder: string): Promise<HostTls> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw wrapError(`reading the folder ${quote(folder)}`, error);
  });
  const ending = (suffix: string): readonly string[] => names.filter((name) => name.endsWith(suffix)).toSorted();
  const file = (name: string): string => path.join(folder, name);
  const withoutPartner = [
    ...ending('.cert').filter((name) => !names.includes(name.replace(/\.cert$/, '.key'))),
    ...ending('.key').filter((name) => !names.includes(name.replace(/\.key$/, '.cert'))),
  ][0];
  if (withoutPartner !== undefined)
    throw new SlipwayError({
      kind: 'invalid-argument',
      code: 'REGISTRY_CLIENT_CERTIFICATE_INVALID',
      message: `${quote(file(withoutPartner))} stands alone: a client certificate is NAME.cert with its key in NAME.key`,
      hint: 'authorities to be trusted are *.crt',
    });
  const ca = ending('.crt').map(file);
  const client = ending('.cert').map((name) => ({ cert: file(name), key: file(name.replace(/\.cert$/, '.key')) }));
  for (const one of [...ca, ...client.flatMap(({ cert, key }) => [cert, key])]) requireTrusted('settings of registry hosts', one);
  return { ca, client };
}
