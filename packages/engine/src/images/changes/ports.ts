const pattern = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i;
const lastPort = 65_535;

/** `80`, `53/udp` or `8000-8010/tcp`, as a config writes them: `80/tcp`. */
export function exposedPorts(word: string): string[] {
  const [, from = '', to = from, protocol = 'tcp'] = pattern.exec(word) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === '' || first < 1 || last > lastPort || first > last)
    throw new Error(`has ${JSON.stringify(word)}, expected PORT, PORT-PORT or either with /tcp, /udp or /sctp`);
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol.toLowerCase()}`);
}
