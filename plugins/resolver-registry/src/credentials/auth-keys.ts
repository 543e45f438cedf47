/** Docker Hub as docker keeps it, for historical reasons. */
export const dockerHubKey = 'https://index.docker.io/v1/';

const dockerHub = 'docker.io';
const dockerHubHosts: ReadonlySet<string> = new Set([dockerHub, 'index.docker.io', 'registry-1.docker.io']);

/**
 * The key of `table` that is for this registry, or for this repository of it: the most specific one. Keys are `host[:port]`, with `/namespace`
 * behind it in containers' files (containers-auth.json(5)), or URLs, of which docker takes the host alone. Ports must be equal.
 */
export function keyFor(table: ReadonlyMap<string, unknown>, registry: string, repository?: string): string | undefined {
  const found = new Map<string, string>();
  for (const key of table.keys()) {
    const place = placeOf(key);
    // Of several spellings of one place the first counts, but Docker Hub's own key is the one that docker writes.
    if (!found.has(place) || key === dockerHubKey) found.set(place, key);
  }
  for (const place of places(registry, repository)) {
    const key = found.get(place);
    if (key !== undefined) return key;
  }
  return undefined;
}

/** All keys for exactly this registry, however they are spelt. */
export function keysOf(table: ReadonlyMap<string, unknown>, registry: string): readonly string[] {
  const place = placeOf(registry);
  return [...table.keys()].filter((key) => placeOf(key) === place);
}

/** Under which key docker keeps a registry, in files and in helpers. */
export function dockerKey(registry: string): string {
  return placeOf(registry) === dockerHub ? dockerHubKey : registry;
}

/** `host:port/a/b`, `host:port/a`, `host:port`. */
function places(registry: string, repository: string | undefined): readonly string[] {
  const host = placeOf(registry);
  const names = repository === undefined || repository === '' ? [] : repository.split('/');
  return [...names.map((_, index) => `${host}/${names.slice(0, names.length - index).join('/')}`), host];
}

/** A key as `host[:port][/namespace]`. */
function placeOf(key: string): string {
  const bare = key.replace(/^https?:\/\//, '');
  const slash = bare.indexOf('/');
  const host = (slash < 0 ? bare : bare.slice(0, slash)).toLowerCase();
  const path = slash < 0 || bare !== key ? '' : bare.slice(slash).replace(/\/+$/, '');
  // `index.docker.io/v1/` without a scheme is the place of an API, too.
  return (dockerHubHosts.has(host) ? dockerHub : host) + (/^\/v[12]$/.test(path) ? '' : path);
}
