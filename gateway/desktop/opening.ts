import type { DesktopEnd } from './ends.ts'
import { endOfStatus } from './ends.ts'
import type { GuacdAddress, Gate, Place } from './gate.ts'
import type { Bridge } from './bridge.ts'
import { openLink } from './guacd-link.ts'
import type { GuacdLink, LinkEnds } from './guacd-link.ts'
import { openingWords, step } from './handshake.ts'
import type { HandshakePlan, HandshakeState } from './handshake.ts'
import { encodeInstruction } from './instructions.ts'
import type { Instruction } from './instructions.ts'

export interface OpeningLimits {
  /** guacd asks for its parameters before it reaches for the desktop: soon, or never. */
  readonly argsMs: number
  /** Until the first `sync`, which follows the first picture. */
  readonly pictureMs: number
  readonly tries: number
}
export const openingLimits: OpeningLimits = { argsMs: 5_000, pictureMs: 10_000, tries: 3 }

export interface Opened {
  readonly kind: 'opened'
  readonly link: GuacdLink
  readonly guacd: GuacdAddress
  readonly connectionId: string
  /** What was said from `ready` to the first `sync`: the browser has not seen it yet. */
  readonly first: readonly Instruction[]
  /** How many tries came to nothing before. */
  readonly failedTries: number
  /** By which guacd reaches the desktop; to be closed when nobody sees it any more. `null`: it does so itself. */
  readonly bridge: Bridge | null
  /** To be called when it has ended: guacd has room again. */
  release(): void
}
export interface OpeningFailed {
  readonly kind: 'failed'
  readonly end: DesktopEnd
  readonly detail: string
}
export type Opening = Opened | OpeningFailed

/** Makes the way by which guacd is to reach a desktop, for one try. Ends in time by itself. Never rejects. */
export type Bridging = (
  ends: LinkEnds,
  signal: AbortSignal,
) => Promise<{ readonly kind: 'bridge'; readonly bridge: Bridge } | OpeningFailed>

interface Attempt {
  readonly gate: Gate
  readonly plan: HandshakePlan
  /** Where what is joined lives. */
  readonly only?: GuacdAddress
  /** Where guacd does not reach the desktop itself. */
  readonly bridging?: Bridging
  readonly signal: AbortSignal
  readonly limits: OpeningLimits
}

/**
 * Opens a desktop through a guacd, up to its first picture. One that hangs or is away is tried again, at another one where
 * there is another; one that the desktop itself refuses is not. Never throws.
 */
export async function openDesktop(attempt: Attempt): Promise<Opening> {
  let avoid: GuacdAddress | undefined
  let last: Opening = { kind: 'failed', end: 'guacd_unreachable', detail: 'not tried' }
  for (let tried = 0; tried < attempt.limits.tries; tried += 1) {
    const { only, signal } = attempt
    const entry = await attempt.gate.enter({
      ...(only === undefined ? {} : { only }),
      ...(avoid === undefined ? {} : { avoid }),
      signal,
    })
    if (entry.kind === 'busy') return { kind: 'failed', end: 'guacd_busy', detail: 'too many are being opened' }
    if (entry.kind === 'withdrawn') return { kind: 'failed', end: 'left', detail: 'withdrawn' }
    last = await throughPlace(entry.place, attempt, tried)
    if (last.kind === 'opened' || !triedAgain.has(last.end)) return last
    avoid = entry.place.guacd
  }
  return last
}

const triedAgain: ReadonlySet<DesktopEnd> = new Set(['guacd_hung', 'guacd_unreachable', 'guacd_lost'])

/** One try. Gives the place back in every case. */
async function throughPlace(place: Place, attempt: Attempt, failedTries: number): Promise<Opening> {
  const { plan, bridging, signal } = attempt
  const link = openLink(place.guacd)
  // Without ends there is nobody to come: the handshake says why.
  const ends = bridging === undefined ? null : await link.connected()
  const way = bridging === undefined || ends === null ? null : await bridging(ends, signal)
  if (way?.kind === 'failed') {
    place.gaveUp(false)
    link.close()
    return way
  }
  const bridge = way?.bridge ?? null
  const opening = await shakeHands(place, link, { ...attempt, plan: across(plan, bridge) })
  if (opening.kind === 'opened') return { ...opening, failedTries, bridge }
  bridge?.close()
  return opening
}

/** guacd is told of the bridge where there is one, in place of what is behind it. */
function across(plan: HandshakePlan, bridge: Bridge | null): HandshakePlan {
  if (bridge === null) return plan
  const { host, port } = bridge
  return { ...plan, parameters: new Map([...plan.parameters, ['hostname', host], ['port', String(port)]]) }
}

type ShakenHands = Omit<Opened, 'failedTries' | 'bridge'> | OpeningFailed

function shakeHands(place: Place, link: GuacdLink, { plan, signal, limits }: Attempt): Promise<ShakenHands> {
  return new Promise((resolve) => {
    let state: HandshakeState | 'picture' = 'args'
    let connectionId = ''
    let settled = false
    let shown = false
    const first: Instruction[] = []

    const settle = (opening: ShakenHands) => {
      if (settled) return
      settled = true
      clearTimeout(argsLimit)
      clearTimeout(pictureLimit)
      clearInterval(upkeep)
      signal.removeEventListener('abort', withdraw)
      resolve(opening)
    }
    const fail = (end: DesktopEnd, detail: string) => {
      if (settled) return
      place.gaveUp(end === 'guacd_unreachable')
      settle({ kind: 'failed', end, detail })
      link.close()
    }
    const withdraw = () => fail('left', 'withdrawn')
    const argsLimit = setTimeout(() => state === 'args' && fail('guacd_hung', 'no args'), limits.argsMs)
    const pictureLimit = setTimeout(() => fail('guacd_hung', `no picture, at ${state}`), limits.pictureMs)
    // guacd drops whoever is silent for 15 s.
    const upkeep = setInterval(() => state === 'picture' && link.send(encodeInstruction('nop')), 5_000)
    signal.addEventListener('abort', withdraw, { once: true })

    const hear = (instruction: Instruction): void => {
      if (state === 'picture') {
        first.push(instruction)
        shown ||= instruction.opcode === 'sync'
        if (instruction.opcode === 'error')
          return fail(endOfStatus(instruction.args[1]), `${instruction.args[1] ?? ''} ${instruction.args[0] ?? ''}`)
        if (instruction.opcode === 'disconnect') return fail('desktop_unreachable', 'disconnected before a picture')
        if (instruction.opcode === 'required') return fail('credentials_refused', instruction.args.join(' '))
        return
      }
      const next = step(plan, state, instruction)
      if (next.kind === 'failed') return fail(next.end, next.detail)
      if (next.kind === 'say') {
        state = next.next
        link.send(next.text)
      }
      if (next.kind === 'ready') {
        state = 'picture'
        connectionId = next.connectionId
      }
    }
    link.ended((end) => {
      if (end === 'unreachable') return fail('guacd_unreachable', 'no connection')
      if (end === 'fault') return fail('guacd_fault', 'not the protocol')
      // A guacd that does not know what is to be joined closes without a word.
      fail('join' in plan.select && state === 'args' ? 'nobody_to_watch' : 'guacd_lost', `closed at ${state}`)
    })
    link.take((batch) => {
      for (const instruction of batch) if (!settled) hear(instruction)
      if (settled || !shown) return
      link.take(null)
      settle({ kind: 'opened', link, guacd: place.guacd, connectionId, first, release: place.arrived() })
    })
    if (signal.aborted) return withdraw()
    link.send(openingWords(plan))
  })
}
