import { open } from 'node:fs/promises';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import type { RegistryConfig } from './config.js';
import { ownEntry } from './hosts.js';

export interface Login {
  readonly username: string;
  readonly password: string;
}

const maxPasswordFile = 64 * 1024;

/** The credentials configured for exactly this registry, read anew each time. The password must fit in a header. */
export async function loginFor(registry: string, config: RegistryConfig): Promise<Login | undefined> {
  const entry = ownEntry(config.auth, registry);
  if (entry === undefined) return undefined;
  if (entry.password !== undefined) return { username: entry.username, password: entry.password };
  return { username: entry.username, password: await readPassword(entry.password_file ?? '') };
}

/** The value of an Authorization header (RFC 7617). */
export function basicAuthorization(login: Login): string {
  return `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
}

async function readPassword(file: string): Promise<string> {
  try {
    await using handle = await open(file, 'r');
    const buffer = Buffer.alloc(maxPasswordFile + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    if (bytesRead > maxPasswordFile)
      throw new SlipwayError({
        kind: 'invalid-argument',
        code: 'REGISTRY_PASSWORD_FILE_TOO_LARGE',
        message: `password_file "${file}" has more than ${maxPasswordFile} bytes`,
      });
    return buffer.toString('utf8', 0, bytesRead).replace(/\r?\n$/, '');
  } catch (error) {
    throw wrapError(`reading password_file "${file}"`, error);
  }
}
