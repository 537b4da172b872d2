import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  createInstructionReader,
  encodeInstruction,
  fromBrowser,
  fromGuacd,
  ProtocolFault,
} from '../../../gateway/desktop/instructions.ts'
import type { InstructionLimits } from '../../../gateway/desktop/instructions.ts'

/** Any text, with all planes of Unicode and with halves of surrogate pairs. */
const value = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 40 }).map((points) => String.fromCodePoint(...points)),
  fc.string({ maxLength: 20 }),
  fc.array(fc.constantFrom('\ud83d', '\ude00', 'a', ',', ';', '.', '1', '€', '😀')).map((parts) => parts.join('')),
)
const instruction = fc.array(value, { minLength: 1, maxLength: 6 })

function readAll(chunks: readonly Buffer[], limits: InstructionLimits = fromGuacd): string[][] {
  const reader = createInstructionReader(limits)
  return chunks.flatMap((chunk) => reader.push(chunk)).map(({ opcode, args }) => [opcode, ...args])
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b)
  return ends.slice(1).map((end, index) => bytes.subarray(ends[index], end))
}

describe('instructions', () => {
  test('lengths count code points', () => {
    expect(encodeInstruction('name', 'Grüße 😀', 7, '')).toBe('4.name,7.Grüße 😀,1.7,0.;')
    expect(encodeInstruction('a', '\ud83d')).toBe('1.a,1.\ufffd;')
  })

  test('a byte that begins no code point counts as one, as in guacd', () => {
    const said = [0xf8, 0xfb, 0xfc, 0xfe, 0xff, 0x80].map((byte) =>
      Buffer.concat([Buffer.from('4.name,2.'), Buffer.of(byte), Buffer.from('a;4.sync,1.7;')]),
    )
    for (const bytes of said)
      expect(readAll([bytes])).toEqual([
        ['name', '\ufffda'],
        ['sync', '7'],
      ])
  })

  test('what is written is read, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(instruction, { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 12 }), (said, places) => {
        const bytes = Buffer.from(said.map(([opcode = '', ...args]) => encodeInstruction(opcode, ...args)).join(''))
        const expected = said.map((elements) => elements.map((element) => element.toWellFormed()))
        expect(readAll(cut(bytes, places))).toEqual(expected)
        expect(readAll([...bytes].map((byte) => Buffer.from([byte])))).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })

  test('the bytes of an instruction are given as they came', () => {
    const text = `${encodeInstruction('img', '3', '€')}${encodeInstruction('sync', '12')}`
    const reader = createInstructionReader(fromGuacd)
    expect(reader.push(Buffer.from(text)).map(({ raw }) => raw.toString())).toEqual(['3.img,1.3,1.€;', '4.sync,2.12;'])
    expect(reader.pending).toBe(false)
  })

  test('what is no instruction is refused, and nothing else is thrown at any bytes', () => {
    for (const text of ['x', '.a;', '1x', '2.ab!', '-1.a;', '99999999.', '1.a,;', ' 1.a;'])
      expect(() => readAll([Buffer.from(text)]), text).toThrow(ProtocolFault)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          readAll([Buffer.from(bytes)])
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolFault)
        }
      }),
    )
  })

  test('more than an instruction may take is refused, whether it came at once or bit by bit', () => {
    const fits = encodeInstruction('blob', 'x'.repeat(fromBrowser.bytes - 20))
    expect(readAll([Buffer.from(fits)], fromBrowser)).toHaveLength(1)
    const long = Buffer.from(encodeInstruction('blob', 'x'.repeat(fromBrowser.bytes)))
    expect(() => readAll([long], fromBrowser)).toThrow(ProtocolFault)
    expect(() =>
      readAll(
        cut(
          long,
          [...Array(500).keys()].map((part) => part * 17),
        ),
        fromBrowser,
      ),
    ).toThrow(ProtocolFault)
    const wide = Buffer.from(encodeInstruction('blob', '😀'.repeat(fromBrowser.bytes / 3)))
    expect(() => readAll(cut(wide, [100, 5_000]), fromBrowser)).toThrow(ProtocolFault)
    const many = Buffer.from(encodeInstruction('connect', ...Array<string>(fromBrowser.elements).fill('')))
    expect(() => readAll([many], fromBrowser)).toThrow('too many elements')
  })
})
