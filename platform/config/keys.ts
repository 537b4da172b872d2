import { z } from 'zod'

export interface Key {
  readonly id: string
  /** 32 bytes. */
  readonly secret: Uint8Array
}

const expected = 'id:base64 of 32 bytes, comma-separated, the current key first'

/** `id:base64,…`: the first encrypts, all decrypt. */
export const keys = z.string({ error: `is required: ${expected}` }).transform((text, context): Key[] => {
  const found = text.split(',').map((entry) => parseKey(entry.trim()))
  const good = found.filter((key) => key !== undefined)
  const unique = new Set(good.map((key) => key.id)).size === good.length
  if (good.length === found.length && unique) return good
  context.addIssue({ code: 'custom', message: unique ? `must be ${expected}` : 'must not name a key id twice' })
  return z.NEVER
})

function parseKey(entry: string): Key | undefined {
  const match = /^([a-z0-9][a-z0-9-]{0,31}):([A-Za-z0-9+/]{43}=)$/.exec(entry)
  if (match?.[1] === undefined || match[2] === undefined) return undefined
  return { id: match[1], secret: new Uint8Array(Buffer.from(match[2], 'base64')) }
}
