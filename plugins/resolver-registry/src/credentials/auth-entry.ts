import { quote } from '@slipway/oci';
import { type Credential, tokenUsername } from './credential.js';
import { type AuthEntry, invalid } from './read-auth-file.js';

/**
 * What an entry of `auths` says. Undefined for one that is empty, as docker writes it where a helper has the credentials.
 * Errors: `invalid-argument`; what stands in the file is not shown.
 */
export function decodeEntry(path: string, key: string, entry: AuthEntry): Credential | undefined {
  const place = (member: string): string => `auths[${quote(key)}].${member}`;
  const text = (member: string): string | undefined => {
    const value = entry[member];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value !== 'string') throw invalid(path, place(member), 'is no string');
    if (/[\r\n\0]/.test(value)) throw invalid(path, place(member), 'has line breaks');
    return value;
  };
  const auth = text('auth');
  const pair = auth === undefined ? undefined : decodePair(path, place('auth'), auth);
  const username = text('username') ?? pair?.username;
  const password = text('password') ?? pair?.password;
  const registryToken = text('registrytoken');
  if (registryToken !== undefined) return { kind: 'registry-token', token: registryToken };
  const identityToken = text('identitytoken');
  if (identityToken !== undefined) {
    const known = username === tokenUsername ? undefined : username;
    return { kind: 'identity-token', token: identityToken, username: known };
  }
  if (username === undefined && password === undefined) return undefined;
  if (username === undefined) throw invalid(path, `auths[${quote(key)}]`, 'has a password but no user name');
  if (password === undefined || password === '') throw invalid(path, `auths[${quote(key)}]`, 'has a user name but no password');
  if (username === tokenUsername) return { kind: 'identity-token', token: password };
  return { kind: 'password', username, password };
}

/** Base64 of `user:password`; a password may have colons in it, and the NUL bytes at the end that docker once wrote. */
function decodePair(path: string, place: string, auth: string): { readonly username: string; readonly password: string } {
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(auth);
  const decoded = isBase64 ? Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '') : '';
  const colon = decoded.indexOf(':');
  if (colon < 1 || /[\r\n\0]/.test(decoded)) throw invalid(path, place, 'is not base64 of "user:password"');
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
