import { memoryContent, type OpenDiffer } from '@slipway/plugin-testkit/subjects';
import { PlainDiffer } from './plain-differ.ts';

export const openSubject: OpenDiffer = async () => {
  const content = memoryContent();
  const differ = new PlainDiffer(content);
  return {
    instance: { differ, content },
    capabilities: { stage: true, compare: true },
    [Symbol.asyncDispose]: () => differ[Symbol.asyncDispose](),
  };
};
