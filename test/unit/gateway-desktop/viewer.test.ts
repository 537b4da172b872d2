import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { desktopEnds } from '../../../gateway/desktop/ends.ts'
import { encodeInstruction } from '../../../gateway/desktop/instructions.ts'

interface Words {
  meaningOf(word: string): { title: string; text: string; retry: 'again' | 'later' | 'never' }
}
interface Wire {
  encodeInstruction(...elements: unknown[]): string
  readInstructions(message: string): string[][]
}
interface Told {
  readonly kind: string
  readonly word?: string
  readonly delay?: number
}
interface Kept {
  delayBefore(tries: number, random?: () => number): number
  createConnection(deps: {
    open(ended: (end: { word: string }) => void): () => void
    allowed(): Promise<'yes' | 'no' | 'unknown'>
    told(state: Told): void
  }): { begin(): Promise<void>; arrived(): void; leave(): void }
}
// Plain scripts of the viewer's page: what they export is said here.
const at = (name: string): string => new URL(`../../../gateway/desktop/viewer/${name}`, import.meta.url).href
const words = (await import(at('words.js'))) as Words
const wire = (await import(at('instructions.js'))) as Wire
const { createConnection, delayBefore } = (await import(at('connection.js'))) as Kept

const codePoint = fc.integer({ min: 0, max: 0x10ffff })
const anyText = fc.array(codePoint, { maxLength: 12 }).map((points) => String.fromCodePoint(...points))

describe('the viewer', () => {
  test('writes and reads as the gateway does', () => {
    const value = fc.oneof(anyText, fc.constantFrom('😀', 'a😀,;.1', '\ud83d', 'é€'))
    fc.assert(
      fc.property(fc.array(fc.array(value, { minLength: 1, maxLength: 4 }), { maxLength: 4 }), (said) => {
        const message = said.map((elements) => wire.encodeInstruction(...elements)).join('')
        expect(message).toBe(said.map(([opcode = '', ...args]) => encodeInstruction(opcode, ...args)).join(''))
        expect(wire.readInstructions(message)).toEqual(
          said.map((elements) => elements.map((one) => one.toWellFormed())),
        )
      }),
      { numRuns: 50 },
    )
    for (const text of ['x', '1.a', '1.ab;', '.;', '1.a,']) expect(() => wire.readInstructions(text), text).toThrow()
  })

  test('has words of its own for every end', () => {
    const lost = words.meaningOf('gateway_lost').title
    for (const end of Object.keys(desktopEnds)) {
      const { title, retry } = words.meaningOf(end)
      expect(title.endsWith('.'), end).toBe(true)
      // What is over does not come back by itself.
      if (['withdrawn', 'ended', 'paused', 'expired', 'left', 'cut'].includes(end)) expect(retry, end).not.toBe('again')
      if (end !== 'guacd_lost') expect(title, end).not.toBe(lost)
    }
    expect(words.meaningOf('something new').title).toBe(lost)
  })

  test('waits longer each time, within bounds', () => {
    const delays = [0, 1, 2, 3, 4, 5, 20].map((tries) => delayBefore(tries, () => 0.5))
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000])
    expect([delayBefore(0, () => 0), delayBefore(0, () => 1)]).toEqual([375, 625])
  })

  test('opens again what broke off, and not what was ended on purpose', async () => {
    vi.useFakeTimers()
    try {
      const told: Told[] = []
      let ended: (end: { word: string }) => void = () => undefined
      let opened = 0
      let verdict: 'yes' | 'no' | 'unknown' = 'yes'
      const connection = createConnection({
        open(tell) {
          opened += 1
          ended = tell
          return () => undefined
        },
        allowed: () => Promise.resolve(verdict),
        told: (state) => told.push(state),
      })
      await connection.begin()
      connection.arrived()
      ended({ word: 'guacd_lost' })
      expect(told.map(({ kind }) => kind)).toEqual(['opening', 'open', 'waiting'])
      await vi.advanceTimersByTimeAsync(1_000)
      expect(opened).toBe(2)
      verdict = 'unknown'
      ended({ word: 'guacd_lost' })
      await vi.advanceTimersByTimeAsync(1_600)
      expect([opened, told.at(-1)?.word]).toEqual([2, 'gateway_lost'])
      verdict = 'no'
      await vi.advanceTimersByTimeAsync(20_000)
      expect(told.at(-1)?.kind).toBe('gone')
      verdict = 'yes'
      await connection.begin()
      ended({ word: 'withdrawn' })
      await vi.advanceTimersByTimeAsync(60_000)
      expect([opened, told.at(-1)]).toMatchObject([3, { kind: 'ended', word: 'withdrawn' }])
    } finally {
      vi.useRealTimers()
    }
  })
})
