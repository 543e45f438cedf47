import { defaultStack } from '@slipway/kernel';
import { isSlipwayError, type RuntimeFeatures, runtimePoint } from '@slipway/plugin-api';
import type { Host, PluginStatus } from 'slipway';
import { type Check, fail, messageOf, ok, warn } from './check.js';
import { networkChecks } from './network-checks.js';

/** Whether the plugins of the stack work on this host, by their own measurement: each is activated. */
export async function pluginChecks(host: Host, stackName = defaultStack): Promise<Check[]> {
  const stack = host.config.stacks[stackName];
  if (stack === undefined)
    return [fail('stack', `"${stackName}" is not in the configuration`, `add [stacks.${stackName}] to a config file`)];
  const { metadata, content } = host.config.settings.stack;
  return [
    await pluginCheck(host, 'metadata.v1', metadata),
    await pluginCheck(host, 'content.v1', content),
    await pluginCheck(host, 'resolver.v1', stack.resolver),
    await snapshotterCheck(host, stack.snapshotter),
    ...(await runtimeChecks(host, stack.runtime)),
    ...(await networkChecks(host, stack.network)),
  ];
}

async function activated(host: Host, point: string, id: string): Promise<PluginStatus | undefined> {
  // What went wrong is in its status.
  await host.kernel.get({ id: point }, id).catch(() => undefined);
  return host.kernel.status().find((plugin) => plugin.point === point && plugin.id === id);
}

async function pluginCheck(host: Host, point: string, id: string): Promise<Check> {
  const plugin = await activated(host, point, id);
  const name = point.replace(/\.v\d+$/, '');
  return plugin?.state === 'active' ? ok(name, id) : fail(name, why(id, plugin), adviceOf(plugin));
}

/** The first of the list is wanted; another is a fallback that costs speed or space. */
async function snapshotterCheck(host: Host, ids: readonly string[]): Promise<Check> {
  const refused: string[] = [];
  let advice = 'wire another snapshotter in [stack] of the configuration';
  for (const id of ids) {
    const plugin = await activated(host, 'snapshotter.v1', id);
    if (plugin?.state === 'active') {
      return refused.length === 0 ? ok('snapshotter', id) : warn('snapshotter', `${id}, because ${refused.join('; ')}`, advice);
    }
    refused.push(why(id, plugin));
    advice = plugin?.hint ?? advice;
  }
  return fail('snapshotter', refused.join('; '), advice);
}

async function runtimeChecks(host: Host, id: string): Promise<Check[]> {
  const plugin = await activated(host, runtimePoint.id, id);
  if (plugin?.state !== 'active') return [fail('runtime', why(id, plugin), adviceOf(plugin))];
  try {
    const runtime = await host.kernel.get(runtimePoint, id);
    const { version, isolation, seccomp, machine } = await runtime.features();
    const found = `${version}, isolation by ${isolation}`;
    return [
      ...(machine === undefined ? [] : [machineCheck(machine)]),
      seccomp
        ? ok('runtime', `${found}, with seccomp`)
        : warn(
            'runtime',
            `${found}, without seccomp`,
            'install a build of it with seccomp: containers may make any system call now',
          ),
    ];
  } catch (error) {
    return [fail('runtime', messageOf(error), (isSlipwayError(error) ? error.hint : undefined) ?? adviceOf(plugin))];
  }
}

function machineCheck({ accel, hardware, reason }: NonNullable<RuntimeFeatures['machine']>): Check {
  if (hardware) return ok('machines', `${accel}, isolation by hardware`);
  return warn(
    'machines',
    `${accel}, no isolation by hardware${reason === undefined ? '' : `: ${reason}`}`,
    'use a host with KVM; require_hardware = true in [plugin.runtime-kata] refuses to run without',
  );
}

function why(id: string, plugin: PluginStatus | undefined): string {
  if (plugin === undefined) return `${id} is not installed`;
  return `${id} is ${plugin.state}: ${plugin.reason ?? 'no reason given'}`;
}

function adviceOf(plugin: PluginStatus | undefined): string {
  return plugin?.hint ?? 'see slipway plugins ls and slipway config check';
}
