import * as os from 'node:os';
import type { ContainerSettings, NetworkAttachment } from '@slipway/plugin-api';
import { hostsFile, hostsOfHost, resolvConf } from './name-files.js';
import { createNameFile, type NameFile } from './name-mounts.js';

export interface NameTexts {
  /** It has the host's network. */
  readonly isOfHost: boolean;
  /** It joins nothing. */
  readonly isAlone: boolean;
  readonly settings: Pick<ContainerSettings, 'dns' | 'extraHosts' | 'domainname'>;
  /** Absent: it has the host's. */
  readonly hostname: string | undefined;
  readonly attachments: readonly NetworkAttachment[];
}

/** What a file of names says when the container starts. Errors: HOST_GATEWAY_UNKNOWN. */
export function nameText(
  file: NameFile,
  { isOfHost, isAlone, settings, hostname = os.hostname(), attachments }: NameTexts,
): string {
  switch (file) {
    case 'hostname':
      return `${hostname}\n`;
    case 'hosts':
      return isOfHost ? hostsOfHost(settings) : hostsFile({ settings, hostname, domainname: settings.domainname, attachments });
    case 'resolv.conf':
      return resolvConf({ settings, attachments, isAlone });
  }
}

export async function writeNames(bundle: string, files: readonly NameFile[], texts: NameTexts): Promise<void> {
  for (const file of files) await createNameFile(bundle, file, nameText(file, texts));
}
