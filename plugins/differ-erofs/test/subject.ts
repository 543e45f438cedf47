import 'reflect-metadata';
import { join } from 'node:path';
import { plugin } from '@slipway/differ-erofs';
import { memoryContent, type OpenDiffer, openPlugin } from '@slipway/plugin-testkit/subjects';

/** The plugin with its folders below `root` and a content store in memory. */
export const openSubject: OpenDiffer = async (root) => {
  const content = memoryContent();
  const subject = await openPlugin(plugin, {
    dirs: { root: join(root, 'root'), state: join(root, 'state') },
    needs: { content },
  });
  return { ...subject, instance: { differ: subject.instance, content } };
};
