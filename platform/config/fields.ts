import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { z } from 'zod'

const maxFileBytes = 1024 * 1024

/** A URL of one of the schemes; the message names what is expected and never holds the value. */
export const urlOf = (schemes: readonly string[], expected: string) =>
  z.string({ error: `is required: ${expected}` }).refine((text) => schemes.includes(schemeOf(text)), {
    error: `must be ${expected}`,
  })

/** Text that is there, of at most `max` characters. */
export const short = (max: number) =>
  z
    .string({ error: 'must be text' })
    .min(1, { error: 'must not be empty' })
    .max(max, { error: `must hold at most ${max} characters` })

const schemeOf = (text: string): string => (URL.canParse(text) ? new URL(text).protocol.slice(0, -1) : '')

export const address = z
  .string({ error: 'is required: host:port' })
  .regex(/^[^\s:/]+:\d{1,5}$/, { error: 'must be host:port' })

export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, { error: `must be a whole number from ${min} to ${max}` })
    .transform(Number)
    .pipe(z.number().min(min, outside(min, max)).max(max, outside(min, max)))

const outside = (min: number, max: number) => ({ error: `must be a whole number from ${min} to ${max}` })

export const port = wholeNumber(0, 65_535)

export const flag = z.enum(['true', 'false'], { error: 'must be true or false' }).transform((text) => text === 'true')

/** `a,b,c` with each entry checked; blanks around entries are dropped. */
export const listOf = <T>(entry: z.ZodType<T, string>) =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(entry))

/** An identifier: good as host name, label and job name. */
export const identifier = z.string().regex(/^[a-z][a-z0-9]{1,25}$/, { error: 'must match [a-z][a-z0-9]{1,25}' })

export const cidr = z.string().refine(isCidr, { error: 'must be a network such as 10.1.0.0/16' })

function isCidr(text: string): boolean {
  const [host = '', prefix = ''] = text.split('/')
  const family = isIP(host)
  return family !== 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128)
}

/** The address of one network interface, not of all of them. */
export const ip = z
  .string()
  .refine((text) => isIP(text) !== 0 && !/^[0:.]+$/.test(text), { error: 'must be an IP address such as 10.1.0.5' })

/** An origin exactly as a browser sends it: no path, no trailing slash, no default port. */
export const origin = z
  .string()
  .refine((text) => URL.canParse(text) && new URL(text).origin === text && /^https?:/.test(text), {
    error: 'must be an exact origin such as https://portal.example.org',
  })

/** JSON text that fits the schema; each fault is reported with its place in the document. */
export const json = <T>(schema: z.ZodType<T>) =>
  z.string().transform((text, context): T => {
    const parsed = parseJson(text)
    if (!parsed.ok) {
      context.addIssue({ code: 'custom', message: 'must be JSON' })
      return z.NEVER
    }
    const result = schema.safeParse(parsed.value)
    if (result.success) return result.data
    for (const { path, message } of result.error.issues) context.addIssue({ code: 'custom', path: [...path], message })
    return z.NEVER
  })

/** The path of a readable file of at most 1 MiB whose content is JSON that fits the schema. */
export const jsonFile = <T>(schema: z.ZodType<T>) =>
  z
    .string()
    .transform((file, context): string => {
      const text = readSmallFile(file)
      if (text !== undefined) return text
      context.addIssue({ code: 'custom', message: 'must name a readable file of at most 1 MiB' })
      return z.NEVER
    })
    .pipe(json(schema))

/** What a file of one secret holds; `null`: none is named, it cannot be read, or it holds none. */
export function secretOf(file: string | undefined): string | null {
  if (file === undefined) return null
  try {
    const text = readFileSync(file, 'utf8').trim()
    return text === '' || text.length > 2_000 ? null : text
  } catch {
    return null
  }
}

function parseJson(text: string): { ok: true; value: unknown } | { ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) }
  } catch {
    return { ok: false }
  }
}

function readSmallFile(file: string): string | undefined {
  try {
    return statSync(file).size > maxFileBytes ? undefined : readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
