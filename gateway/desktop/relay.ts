import type { Browser } from './browser.ts'
import { endOfStatus } from './ends.ts'
import type { DesktopEnd } from './ends.ts'
import type { Filter } from './filter.ts'
import type { GuacdLink } from './guacd-link.ts'
import { encodeInstruction } from './instructions.ts'
import type { Instruction } from './instructions.ts'

export interface RelayLimits {
  /** guacd drops whoever is silent for 15 s, and a hidden page may be. */
  readonly upkeepMs: number
  /** guacd waits for the slowest: who takes nothing for so long ends, alone… */
  readonly slowMs: number
  /** …and sooner when others see the same desktop. */
  readonly slowAmongOthersMs: number
}
export const relayLimits: RelayLimits = { upkeepMs: 5_000, slowMs: 30_000, slowAmongOthersMs: 3_000 }

export interface RelayParts {
  readonly link: GuacdLink
  readonly browser: Browser
  readonly filter: Filter
  /** How many see this desktop, this one included. */
  readonly usersNow: () => number
  readonly input: () => void
  readonly ended: (end: DesktopEnd, detail: string) => void
}

export interface Relay {
  up(instructions: readonly Instruction[]): void
  down(instructions: readonly Instruction[]): void
  /** Takes leave of guacd. Repeats are harmless. */
  stop(): void
}

/** Passes instructions between a viewer and guacd, as the filter allows, each side as fast as the other takes them. */
export function createRelay(parts: RelayParts, limits: RelayLimits = relayLimits): Relay {
  const { link, browser, filter } = parts
  let over = false
  let slowSince: number | null = null
  let held = false

  const stop = () => {
    if (over) return
    over = true
    clearInterval(upkeep)
    clearInterval(patience)
    link.close()
  }
  const finish = (end: DesktopEnd, detail: string) => {
    if (over) return
    stop()
    parts.ended(end, detail)
  }

  const upkeep = setInterval(() => link.send(encodeInstruction('nop')), limits.upkeepMs)
  const patience = setInterval(() => {
    const limit = parts.usersNow() > 1 ? limits.slowAmongOthersMs : limits.slowMs
    if (slowSince !== null && performance.now() - slowSince > limit) finish('browser_slow', `for ${limit} ms`)
  }, 500)

  const down = (instructions: readonly Instruction[]) => {
    if (over) return
    const passing: Instruction[] = []
    for (const instruction of instructions) {
      const { opcode, args } = instruction
      // Our close frame says it, in our words.
      if (opcode === 'error') return finish(endOfStatus(args[1]), `${args[1] ?? ''} ${args[0] ?? ''}`)
      if (opcode === 'disconnect') return finish('desktop_closed', 'disconnected')
      const { pass, answer } = filter.down(instruction)
      if (pass) passing.push(instruction)
      if (answer !== undefined) link.send(answer)
    }
    if (passing.length === 0 || browser.send(passing) || slowSince !== null) return
    slowSince = performance.now()
    link.pause()
    browser.drained(() => {
      slowSince = null
      link.resume()
    })
  }

  const up = (instructions: readonly Instruction[]) => {
    if (over) return
    const passing: Buffer[] = []
    for (const instruction of instructions) {
      const passage = filter.up(instruction)
      if (passage === 'drop') continue
      if (instruction.opcode === 'disconnect') return finish('left', 'the viewer took its leave')
      if (passage === 'input') parts.input()
      passing.push(instruction.raw)
    }
    if (passing.length === 0 || link.send(Buffer.concat(passing)) || held) return
    held = true
    browser.pause()
    link.drained(() => {
      held = false
      browser.resume()
    })
  }

  link.ended((end) => finish(end === 'fault' ? 'guacd_fault' : 'guacd_lost', end))
  return { up, down, stop }
}
