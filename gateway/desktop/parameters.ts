import { permissionsOf, templateParameters } from '../../domain/desktop-parameters.ts'
import type { DoorMode, DoorSpec } from '../../domain/template.ts'
import type { DesktopProtocol } from './handshake.ts'

export interface ParameterSources {
  readonly protocol: DesktopProtocol
  readonly spec: DoorSpec
  readonly mode: DoorMode
  /** Where the desktop is, checked against the provider's networks; an address, so that guacd asks no name server. */
  readonly target: { readonly host: string; readonly port: number }
  /** The session's own; `null`: it has none. */
  readonly secret: string | null
  /** Where guacd is to record to; `null`: it is not. */
  readonly recording: { readonly directory: string; readonly name: string } | null
}

/**
 * What guacd is told of a desktop: what the template may say and says, and what is ours to decide, which nothing in a template
 * overrides. What guacd asks beyond that it gets as empty.
 */
export function connectionParameters(sources: ParameterSources): Map<string, string> {
  const { protocol, target, recording } = sources
  const said = new Map([...Object.entries(templateParameters(sources.spec, sources.secret)), ...limitsOf(sources)])
  said.set('hostname', target.host)
  said.set('port', String(target.port))
  if (recording !== null) {
    said.set('recording-path', recording.directory)
    said.set('recording-name', recording.name)
    said.set('create-recording-path', 'true')
  }
  const { upload = false, download = false } = sources.spec.files ?? {}
  // Only a shell brings a way for files of its own.
  if (protocol === 'ssh' && sources.mode === 'control' && (upload || download)) said.set('enable-sftp', 'true')
  return said
}

/** What one who joins is told of: nothing but what they may do. */
export function joiningParameters(sources: Pick<ParameterSources, 'spec' | 'mode'>): Map<string, string> {
  return limitsOf(sources)
}

function limitsOf({ spec, mode }: Pick<ParameterSources, 'spec' | 'mode'>): Map<string, string> {
  const may = permissionsOf(spec, mode)
  return new Map([
    ['read-only', String(mode === 'view')],
    ['disable-copy', String(!may.copy)],
    ['disable-paste', String(!may.paste)],
    ['sftp-disable-upload', String(!may.upload)],
    ['sftp-disable-download', String(!may.download)],
  ])
}
