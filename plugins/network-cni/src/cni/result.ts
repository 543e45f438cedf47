import * as v from 'valibot';

const text = v.pipe(v.string(), v.maxLength(4096));
const list = <S extends v.GenericSchema>(item: S) => v.pipe(v.array(item), v.maxLength(256));

/** What ADD answers (spec, section 5), as far as it is read here; what else is in it goes on to the next plugin. */
export const resultSchema = v.looseObject({
  cniVersion: v.optional(text),
  interfaces: v.optional(
    v.nullable(
      list(
        v.looseObject({
          name: text,
          mac: v.optional(text),
          mtu: v.optional(v.number()),
          sandbox: v.optional(text),
        }),
      ),
    ),
  ),
  ips: v.optional(
    v.nullable(list(v.looseObject({ address: text, gateway: v.optional(text), interface: v.optional(v.nullable(v.number())) }))),
  ),
  dns: v.optional(
    v.nullable(v.looseObject({ nameservers: v.optional(v.nullable(list(text))), search: v.optional(v.nullable(list(text))) })),
  ),
});

export type CniResult = v.InferOutput<typeof resultSchema>;

/** What a plugin that fails says on its standard output (spec, section 5). */
export const errorSchema = v.looseObject({
  code: v.number(),
  msg: v.optional(v.string(), ''),
  details: v.optional(v.string(), ''),
});

/** What VERSION answers. */
export const versionSchema = v.looseObject({ supportedVersions: list(text) });

/** The container's side and the host's side of what a chain made. */
export interface Ends {
  readonly mac: string;
  readonly mtu?: number;
  readonly hostInterface?: string;
  readonly hostMac?: string;
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
}

/** Reads them from the last result; `bridge` is no other end. */
export function endsOf(result: CniResult, interfaceName: string, bridge: string | undefined): Ends {
  const interfaces = result.interfaces ?? [];
  const inside = interfaces.findIndex(({ name, sandbox }) => name === interfaceName && sandbox !== undefined && sandbox !== '');
  const own = interfaces[inside];
  const outside = interfaces.find(
    ({ name, sandbox }) => (sandbox === undefined || sandbox === '') && name !== bridge && /^veth/.test(name),
  );
  // An address without an index is that of the interface which was asked for.
  const ips = (result.ips ?? []).filter((ip) => (ip.interface ?? inside) === inside || inside === -1);
  return {
    mac: own?.mac?.toLowerCase() ?? '',
    ...(own?.mtu === undefined || own.mtu === 0 ? {} : { mtu: own.mtu }),
    ...(outside === undefined ? {} : { hostInterface: outside.name }),
    ...(outside?.mac === undefined ? {} : { hostMac: outside.mac.toLowerCase() }),
    addresses: ips.map(({ address }) => address),
    gateways: [...new Set(ips.flatMap(({ gateway }) => (gateway === undefined || gateway === '' ? [] : [gateway])))],
    nameservers: result.dns?.nameservers ?? [],
    search: result.dns?.search ?? [],
  };
}
