import { describe, expect, test } from 'vitest'
import { closeFrame, desktopEnds, endOfStatus } from '../../../gateway/desktop/ends.ts'
import { openingWords, step } from '../../../gateway/desktop/handshake.ts'
import type { HandshakePlan } from '../../../gateway/desktop/handshake.ts'
import { createInstructionReader, encodeInstruction, fromGuacd } from '../../../gateway/desktop/instructions.ts'
import type { Instruction } from '../../../gateway/desktop/instructions.ts'
import { desktopRequest } from '../../../gateway/desktop/request.ts'

const plan: HandshakePlan = {
  select: { protocol: 'vnc' },
  screen: { width: 800, height: 600, dpi: 96 },
  timezone: 'Europe/Berlin',
  name: 'Zoë 😀',
  parameters: new Map([
    ['hostname', '10.0.0.5'],
    ['password', 'a;b,1.c'],
    ['not-asked-for', 'x'],
  ]),
}

const said = (...[opcode = '', ...args]: string[]): Instruction => ({
  opcode,
  args,
  raw: Buffer.from(encodeInstruction(opcode, ...args)),
})

/** What is answered to `args`, as instructions. */
function answerTo(args: string[], of: HandshakePlan = plan): Record<string, readonly string[]> {
  const answer = step(of, 'args', said('args', ...args))
  if (answer.kind !== 'say') throw new Error(answer.kind)
  const instructions = createInstructionReader(fromGuacd).push(Buffer.from(answer.text))
  expect(instructions.at(-1)?.opcode).toBe('connect')
  return Object.fromEntries(instructions.map((instruction) => [instruction.opcode, instruction.args]))
}

describe('the handshake', () => {
  test('begins with the protocol, or with what is joined', () => {
    expect(openingWords(plan)).toBe('6.select,3.vnc;')
    expect(openingWords({ ...plan, select: { join: '$ab-1' } })).toBe('6.select,5.$ab-1;')
  })

  test('gives each argument by its name, in guacd’s order, and nothing that is not asked for', () => {
    const answer = answerTo(['VERSION_1_3_0', 'port', 'password', 'read-only', 'hostname'])
    expect(answer['connect']).toEqual(['VERSION_1_3_0', '', 'a;b,1.c', '', '10.0.0.5'])
    expect(answer['size']).toEqual(['800', '600', '96'])
    expect(answer['image']).toContain('image/png')
  })

  test.each([
    ['VERSION_1_3_0', 'VERSION_1_3_0', true, false],
    ['VERSION_1_1_0', 'VERSION_1_1_0', true, false],
    ['VERSION_1_0_0', 'VERSION_1_0_0', false, false],
    ['VERSION_1_5_0', 'VERSION_1_5_0', true, true],
    ['VERSION_1_6_0', 'VERSION_1_5_0', true, true],
    ['VERSION_2_0_0', 'VERSION_1_5_0', true, true],
  ])('to %s it speaks %s', (theirs, spoken, timezone, name) => {
    const answer = answerTo([theirs, 'hostname'])
    expect(answer['connect']).toEqual([spoken, '10.0.0.5'])
    expect('timezone' in answer).toBe(timezone)
    expect('name' in answer).toBe(name)
  })

  test('a guacd of before versions gets its arguments alone', () => {
    const answer = answerTo(['hostname', 'port'])
    expect(answer['connect']).toEqual(['10.0.0.5', ''])
    expect('timezone' in answer).toBe(false)
  })

  test('ends with the id of the connection', () => {
    expect(step(plan, 'ready', said('ready', '$e8a7031e-8ba0'))).toEqual({
      kind: 'ready',
      connectionId: '$e8a7031e-8ba0',
    })
    expect(step(plan, 'ready', said('nop'))).toEqual({ kind: 'wait' })
  })

  test.each([
    ['args', ['error', 'Aborted. See logs.', '519'], 'desktop_unreachable'],
    ['ready', ['error', 'no', '769'], 'credentials_refused'],
    ['ready', ['error', '', 'what?'], 'guacd_fault'],
    ['ready', ['disconnect'], 'desktop_unreachable'],
    ['args', ['ready', '$a'], 'guacd_fault'],
    ['ready', ['ready', 'not an id'], 'guacd_fault'],
    ['ready', ['args', 'hostname'], 'guacd_fault'],
    ['args', ['img', '1'], 'guacd_fault'],
  ] as const)('awaiting %s, %j is the end: %s', (state, words, end) => {
    expect(step(plan, state, said(...words))).toMatchObject({ kind: 'failed', end })
  })
})

describe('ends', () => {
  test('a close frame says status and word, within what a frame may hold', () => {
    expect(closeFrame('withdrawn')).toEqual({ code: 1008, reason: '771 withdrawn' })
    for (const end of Object.keys(desktopEnds) as (keyof typeof desktopEnds)[]) {
      const { code, reason } = closeFrame(end)
      expect(Buffer.byteLength(reason)).toBeLessThan(123)
      expect([1000, 1001, 1002, 1008, 1011, 1013]).toContain(code)
    }
  })
  test('what guacd says of a refused, a broken and a taken desktop is told apart', () => {
    expect(['519', '515', '521', undefined].map(endOfStatus)).toEqual([
      'desktop_unreachable',
      'desktop_lost',
      'desktop_taken',
      'guacd_fault',
    ])
  })
})

describe('what a browser asks for', () => {
  test('is read, bounded, and made usual where it makes no sense', () => {
    expect(desktopRequest('/x?width=1920&height=1080&dpi=120&timezone=Europe/Berlin&recording=acknowledged')).toEqual({
      screen: { width: 1920, height: 1080, dpi: 120 },
      timezone: 'Europe/Berlin',
      recordingAcknowledged: true,
    })
    expect(desktopRequest('/x?width=99999&height=1&dpi=1e3&timezone=a;b')).toEqual({
      screen: { width: 8192, height: 64, dpi: 96 },
      timezone: null,
      recordingAcknowledged: false,
    })
    expect(desktopRequest('//%zz?width=-5').screen.width).toBe(1280)
  })
})
