/** What a token is asked for: `repository:NAME:pull,push` (distribution's token scope grammar). */
export type Scope = `repository:${string}:${string}`;

export function pullScope(repository: string): Scope {
  return `repository:${repository}:pull`;
}

export function pushScope(repository: string): Scope {
  return `repository:${repository}:pull,push`;
}

/** One key for scopes that mean the same, in whatever order they are asked for. */
export function scopeKey(scopes: readonly Scope[]): string {
  return [...new Set(scopes)].toSorted().join(' ');
}

/** True when everything that is wanted may be done with what was granted. */
export function covers(granted: readonly Scope[], wanted: readonly Scope[]): boolean {
  return wanted.every((scope) => granted.some((other) => coversOne(other, scope)));
}

function coversOne(granted: Scope, wanted: Scope): boolean {
  const [place, actions] = parts(granted);
  const [wantedPlace, wantedActions] = parts(wanted);
  return place === wantedPlace && wantedActions.every((action) => actions.includes(action));
}

/** The name may have colons of a port in it; the actions are after the last one. */
function parts(scope: Scope): readonly [place: string, actions: readonly string[]] {
  const end = scope.lastIndexOf(':');
  return [scope.slice(0, end), scope.slice(end + 1).split(',')];
}
