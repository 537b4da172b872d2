import { endOfStatus } from './ends.ts'
import type { DesktopEnd } from './ends.ts'
import { encodeInstruction } from './instructions.ts'
import type { Instruction } from './instructions.ts'

/** What guacd can speak for us. */
export type DesktopProtocol = 'vnc' | 'rdp' | 'ssh'

/** The browser's screen, in CSS pixels times its density. */
export interface Screen {
  readonly width: number
  readonly height: number
  readonly dpi: number
}

export interface HandshakePlan {
  /** A new connection, or a place in one that is there. */
  readonly select: { readonly protocol: DesktopProtocol } | { readonly join: string }
  readonly screen: Screen
  /** An IANA name; `null`: the desktop's own. */
  readonly timezone: string | null
  /** Who comes, as others in the same connection may see. */
  readonly name: string
  readonly parameters: ReadonlyMap<string, string>
}

export type HandshakeStep =
  | { readonly kind: 'say'; readonly text: string; readonly next: HandshakeState }
  | { readonly kind: 'wait' }
  | { readonly kind: 'ready'; readonly connectionId: string }
  | { readonly kind: 'failed'; readonly end: DesktopEnd; readonly detail: string }

/** What is awaited from guacd. */
export type HandshakeState = 'args' | 'ready'

/** The newest version whose words we speak. */
const ours = [1, 5, 0] as const
const imageTypes = ['image/png', 'image/jpeg', 'image/webp']
const audioTypes = ['audio/L16', 'audio/L8']

/** The first word: which protocol, or which connection. */
export const openingWords = ({ select }: HandshakePlan): string =>
  encodeInstruction('select', 'join' in select ? select.join : select.protocol)

/** What to do about what guacd says before the connection is there. Pure. */
export function step(plan: HandshakePlan, state: HandshakeState, { opcode, args }: Instruction): HandshakeStep {
  if (opcode === 'error')
    return { kind: 'failed', end: endOfStatus(args[1]), detail: `${args[1] ?? ''} ${args[0] ?? ''}` }
  if (opcode === 'disconnect') return { kind: 'failed', end: 'desktop_unreachable', detail: 'disconnected' }
  if (opcode === 'nop' || opcode === 'log') return { kind: 'wait' }
  if (opcode === 'args' && state === 'args') return { kind: 'say', text: answerToArgs(plan, args), next: 'ready' }
  if (opcode === 'ready' && state === 'ready') {
    const [connectionId = ''] = args
    if (/^\$[\w-]{1,64}$/.test(connectionId)) return { kind: 'ready', connectionId }
  }
  return { kind: 'failed', end: 'guacd_fault', detail: `${opcode} instead of ${state}` }
}

function answerToArgs(plan: HandshakePlan, args: readonly string[]): string {
  const [first = ''] = args
  const theirs = versionOf(first)
  const names = theirs === null ? args : args.slice(1)
  const spoken = theirs === null || newer(theirs, ours) ? ours : theirs
  const said = [
    encodeInstruction('size', plan.screen.width, plan.screen.height, plan.screen.dpi),
    encodeInstruction('audio', ...audioTypes),
    encodeInstruction('video'),
    encodeInstruction('image', ...imageTypes),
  ]
  // Older ones know no versions, and take what they do not know for a fault.
  if (theirs !== null && !newer([1, 1, 0], theirs) && plan.timezone !== null)
    said.push(encodeInstruction('timezone', plan.timezone))
  if (theirs !== null && !newer([1, 5, 0], theirs)) said.push(encodeInstruction('name', plan.name))
  const values = names.map((name) => plan.parameters.get(name) ?? '')
  said.push(encodeInstruction('connect', ...(theirs === null ? [] : [`VERSION_${spoken.join('_')}`]), ...values))
  return said.join('')
}

type Version = readonly [number, number, number]

function versionOf(text: string): Version | null {
  const [, major, minor, patch] = /^VERSION_(\d{1,3})_(\d{1,3})_(\d{1,3})$/.exec(text) ?? []
  return major === undefined ? null : [Number(major), Number(minor), Number(patch)]
}

const newer = (one: Version, other: Version): boolean => weight(one) > weight(other)
const weight = ([major, minor, patch]: Version): number => (major * 1_000 + minor) * 1_000 + patch
