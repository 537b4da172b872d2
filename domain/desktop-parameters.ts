import { desktopParameters } from './door-check.ts'
import type { DoorMode, DoorSpec } from './template.ts'

/** What a template says to a desktop, the session's secret filled in. Without a word about a password it is the secret. */
export function templateParameters(spec: DoorSpec, secret: string | null): Readonly<Record<string, string>> {
  if (spec.protocol === 'http') return {}
  const allowed = new Set(desktopParameters[spec.protocol])
  const said = Object.entries(spec.parameters ?? {}).filter(([name]) => allowed.has(name))
  const password = spec.parameters?.['password'] ?? (secret === null ? '' : '{secret}')
  return Object.fromEntries([...said, ['password', password.replaceAll('{secret}', () => secret ?? '')]])
}

/** What passes beside the picture and the input. */
export interface Permissions {
  readonly copy: boolean
  readonly paste: boolean
  readonly upload: boolean
  readonly download: boolean
}

/** What may pass beside the picture and the input. One who only looks takes and brings nothing. */
export function permissionsOf(
  { clipboard, files }: Pick<DoorSpec, 'clipboard' | 'files'>,
  mode: DoorMode,
): Permissions {
  if (mode === 'view') return { copy: false, paste: false, upload: false, download: false }
  return {
    copy: clipboard?.copy ?? true,
    paste: clipboard?.paste ?? true,
    upload: files?.upload ?? false,
    download: files?.download ?? false,
  }
}

/**
 * The same for a gateway that knows nothing of templates, with what may not pass. Only VNC is looked at by a connection of its own;
 * of other protocols the one for control is joined, and is made for control.
 */
export function outsideParameters(
  spec: DoorSpec,
  mode: DoorMode,
  secret: string | null,
): Readonly<Record<string, string>> {
  const may = permissionsOf(spec, spec.protocol === 'vnc' ? mode : 'control')
  // Only a shell brings a way for files of its own.
  const files = spec.protocol === 'ssh' && (may.upload || may.download)
  const limits = {
    'disable-copy': !may.copy,
    'disable-paste': !may.paste,
    'enable-sftp': files,
    'sftp-disable-upload': files && !may.upload,
    'sftp-disable-download': files && !may.download,
  }
  const said = Object.entries(limits).filter(([, isSaid]) => isSaid)
  return { ...templateParameters(spec, secret), ...Object.fromEntries(said.map(([name]) => [name, 'true'])) }
}
