/** The first twelve digits of an id, as docker shows them; an id that somebody chose stays as it is. */
export function shortId(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id;
}
