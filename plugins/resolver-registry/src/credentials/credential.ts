/** What opens a registry. The secrets in it are shown to nobody but the registry and its token server. */
export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token. `username` where one is known: some token servers only take the two together. */
  | { readonly kind: 'identity-token'; readonly token: string; readonly username?: string | undefined }
  /** A bearer token that is sent as it is. */
  | { readonly kind: 'registry-token'; readonly token: string };

export interface FoundCredential {
  readonly credential: Credential;
  /** Where it was found, in words: `"/root/.docker/config.json"`. */
  readonly source: string;
}

/** The value of an Authorization header (RFC 7617). */
export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Everything about a credential that must not be shown. */
export function secretsOf(credential: Credential): readonly string[] {
  const secret = credential.kind === 'password' ? credential.password : credential.token;
  if (credential.kind === 'registry-token' || credential.username === undefined) return [secret];
  const basic = basicAuthorization(credential.username, secret);
  return [secret, basic, basic.slice('Basic '.length)];
}

/** A user name under which helpers and docker keep an identity token in place of a password. */
export const tokenUsername = '<token>';
