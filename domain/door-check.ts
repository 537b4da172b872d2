import type { DoorProtocol, DoorSpec } from './template.ts'
import type { TemplateFault } from './template-check.ts'

const display = ['color-depth', 'force-lossless']
const terminal = ['font-name', 'font-size', 'color-scheme', 'scrollback', 'backspace', 'terminal-type']

/**
 * What a template may say to a desktop. Left out on purpose: whatever names a host, a port or a path (of a repeater, a
 * gateway, a file server, a recording), and what is the gateway's own to decide (`read-only`, clipboard, files).
 */
export const desktopParameters: Readonly<Record<Exclude<DoorProtocol, 'http'>, readonly string[]>> = {
  vnc: [
    ...['username', 'password', 'cursor', 'swap-red-blue', 'encodings', 'clipboard-encoding', 'autoretry'],
    ...['compress-level', 'quality-level', 'disable-display-resize', 'disable-server-input', ...display],
  ],
  rdp: [
    ...['username', 'password', 'domain', 'security', 'ignore-cert', 'cert-fingerprints', 'cert-tofu', 'disable-auth'],
    ...[
      'client-name',
      'console',
      'initial-program',
      'server-layout',
      'timezone',
      'resize-method',
      'normalize-clipboard',
    ],
    ...['console-audio', 'disable-audio', 'enable-audio-input', 'enable-touch', 'enable-wallpaper', 'enable-theming'],
    ...['enable-font-smoothing', 'enable-full-window-drag', 'enable-desktop-composition', 'enable-menu-animations'],
    ...['disable-bitmap-caching', 'disable-offscreen-caching', 'disable-glyph-caching', 'disable-gfx'],
    ...['remote-app', 'remote-app-dir', 'remote-app-args', ...display],
  ],
  ssh: ['username', 'password', 'host-key', 'command', 'locale', 'timezone', 'server-alive-interval', ...terminal],
}

/** Headers that decide where a request goes, how it is cut into messages, or who is let in at the gateway. */
const unsafeHeaders = [
  ...['host', 'connection', 'keep-alive', 'upgrade', 'te', 'trailer', 'transfer-encoding', 'content-length', 'expect'],
  ...['cookie', 'origin', 'referer', 'forwarded', 'via', 'content-type', 'content-encoding', 'range'],
]
const unsafePrefixes = ['sec-', 'proxy-', 'x-forwarded-', 'carrel-', 'access-control-', 'if-']

/** Where the parts of a door do not fit together. `pointer`: of the door itself. */
export function doorFaults(pointer: string, door: DoorSpec): TemplateFault[] {
  return door.protocol === 'http' ? webFaults(pointer, door) : desktopFaults(pointer, door, door.protocol)
}

function webFaults(pointer: string, door: DoorSpec): TemplateFault[] {
  const misplaced = (['parameters', 'clipboard', 'files', 'recording'] as const)
    .filter((field) => door[field] !== undefined)
    .map((field) => fault(`${pointer}/${field}`, 'Only a desktop has this.'))
  return [...misplaced, ...modeFaults(pointer, door), ...secretFaults(pointer, door)]
}

function modeFaults(pointer: string, { modes, readOnly, port }: DoorSpec): TemplateFault[] {
  const views = modes.includes('view')
  if (readOnly === undefined)
    return views ? [fault(`${pointer}/modes`, 'A web door is for control only, unless it names readOnly.')] : []
  if (!views) return [fault(`${pointer}/readOnly`, 'Expected view among the modes.')]
  return readOnly.port === port ? [fault(`${pointer}/readOnly/port`, 'Expected a port of its own.')] : []
}

function secretFaults(pointer: string, { secret }: DoorSpec): TemplateFault[] {
  if (secret === undefined) return []
  const header = secret.header.toLowerCase()
  const unsafe = unsafeHeaders.includes(header) || unsafePrefixes.some((prefix) => header.startsWith(prefix))
  return [
    ...(unsafe ? [fault(`${pointer}/secret/header`, 'This header is not for a secret.')] : []),
    ...(secret.value.includes('{secret}') ? [] : [fault(`${pointer}/secret/value`, 'Expected {secret} in it.')]),
  ]
}

function desktopFaults(pointer: string, door: DoorSpec, protocol: Exclude<DoorProtocol, 'http'>): TemplateFault[] {
  const misplaced = (['readOnly', 'secret', 'path'] as const)
    .filter((field) => door[field] !== undefined)
    .map((field) => fault(`${pointer}/${field}`, 'Only a web door has this.'))
  const said = Object.entries(door.parameters ?? {}).flatMap(([name, value]) => {
    const place = `${pointer}/parameters/${name}`
    if (!desktopParameters[protocol].includes(name))
      return [fault(place, `No parameter of ${protocol} that may be set.`)]
    // The other side would put in something of its own for it.
    if (value.includes('${')) return [fault(place, 'Expected no ${ in it.')]
    const misused = value.includes('{secret}') && name !== 'password'
    return misused ? [fault(place, '{secret} may stand in password alone.')] : []
  })
  return [...misplaced, ...said, ...fileFaults(pointer, door)]
}

/** Only a shell brings a way for files of its own; what a template promises elsewhere, nobody could keep. */
function fileFaults(pointer: string, { protocol, files }: DoorSpec): TemplateFault[] {
  if (protocol === 'ssh' || files === undefined || !(files.upload || files.download)) return []
  const message = `Files pass through ssh doors only, not ${protocol}: leave this out, or say false to both.`
  return [fault(`${pointer}/files`, message)]
}

const fault = (pointer: string, message: string): TemplateFault => ({ pointer, message })
