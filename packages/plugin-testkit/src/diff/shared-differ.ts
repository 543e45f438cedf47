import type { LayerFormat } from '@slipway/plugin-api';
import type { LawRunner } from '../law-runner.js';
import { temporaryRoot } from '../subject.js';
import { LayerBench } from './layer-bench.js';
import type { DifferInstance, DifferLaw, DifferLawContext, OpenDiffer } from './subject.js';

/** Of laws that neither dispose their differ nor look at what is in the content store beside their own. */
export type SharedDifferLawContext = Pick<DifferLawContext, 'instance' | 'differ' | 'content' | 'bench'>;

export type SharedDifferLaw = (name: string, body: (context: SharedDifferLawContext) => Promise<void>) => void;

/** Laws of the group that this is called in, on one differ and a place for trees of their own each; on a differ each where the runner does not tell the group's end. */
export function sharedDifferLaws(
  runner: LawRunner,
  open: OpenDiffer,
  law: DifferLaw,
  formats: readonly LayerFormat[],
): SharedDifferLaw {
  if (runner.afterAll === undefined) return law;
  const opened = new AsyncDisposableStack();
  let shared: Promise<DifferInstance> | undefined;
  const openShared = async (): Promise<DifferInstance> => {
    const { root } = opened.use(await temporaryRoot());
    return opened.use(await open(root)).instance;
  };
  runner.afterAll(() => opened.disposeAsync());
  return (name, body) =>
    runner.it(name, async () => {
      shared ??= openShared();
      const instance = await shared;
      await using place = await temporaryRoot();
      await body({ ...instance, instance, bench: new LayerBench(place.root, instance, formats) });
    });
}
