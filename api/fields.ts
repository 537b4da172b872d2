import { z } from '@hono/zod-openapi'
import { mountTarget } from '../domain/data-roots.ts'
import { idPattern } from '../domain/ids.ts'
import type { Id } from '../domain/ids.ts'
import type { Limits, Resources } from '../domain/resources.ts'

/** An id in a request. What it names is checked where it is used; the kind is only for our types. */
export const idOf = <Kind extends string>(kind: Kind) =>
  z
    .string()
    .regex(idPattern, 'Expected an id.')
    .transform((text) => text as Id<Kind>)
    .openapi({
      type: 'string',
      pattern: idPattern.source,
      description: `The id of ${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`,
    })

/** An id in an answer. */
export const id = z.string().openapi({ pattern: idPattern.source })

// Letters, marks, signs and blanks; no line breaks or control characters, which would forge lines in logs and lists.
const printable = /^[^\p{Cc}\p{Cs}\u2028\u2029]*$/u

/** One line of text for people. */
export const line = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    // Not as a pattern: its Unicode classes mean nothing in other languages' JSON Schema.
    .refine((text) => printable.test(text), 'Expected one line of printable text.')

/** Why an operator does something. The audit keeps it. */
export const reason = line(500).openapi({
  description: 'Why; kept in the audit',
  example: 'Its node is gone for good.',
})

/** Where a session sees what is mounted. */
export const mountPlace = z.string().max(200).regex(mountTarget, 'Expected an absolute path of plain names.')

/** A short name for programs. */
export const slug = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[a-z][a-z0-9-]*$/, 'Expected lower-case letters, digits and dashes, a letter first.')

export const time = z.iso.datetime().openapi({ description: 'RFC 3339, UTC' })
export const nullableTime = time.nullable()

/** A moment in a request, with its offset. */
export const moment = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  // Of a later year no time of RFC 3339 tells, and an offset can lead there.
  .refine((date) => date.getUTCFullYear() <= 9999, 'Expected a time before the year 10000 in UTC.')
  .openapi({ type: 'string', format: 'date-time' })

export const iso = (date: Date): string => date.toISOString()
export const isoOrNull = (date: Date | null): string | null => (date === null ? null : date.toISOString())

const most = 2_147_483_647
const amount = z.int().min(0).max(most)
export const resources = z
  .strictObject({ sessions: amount, cpuMilli: amount, memoryMib: amount, diskMib: amount, gpus: amount })
  .openapi('Resources') satisfies z.ZodType<Resources>

const limit = amount.nullable()
export const limits = z
  .strictObject({ sessions: limit, cpuMilli: limit, memoryMib: limit, diskMib: limit, gpus: limit })
  .openapi('Limits') satisfies z.ZodType<Limits>

/** `true` or `false` in a query; false when absent. */
export const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true')
  .openapi({ type: 'string', enum: ['true', 'false'], default: 'false' })
