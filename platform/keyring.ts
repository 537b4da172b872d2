import { hkdfSync } from 'node:crypto'
import type { Key } from './config.ts'

/** What a key is derived for. One purpose's ciphertext is no ciphertext of another. */
export type Purpose = 'payload' | 'column' | 'idempotency'

export interface DerivedKey {
  readonly id: string
  /** 32 bytes. */
  readonly secret: Uint8Array
}

export interface Keyring {
  /** The key to encrypt or sign with now. */
  current(purpose: Purpose): DerivedKey
  /** The key an older text names; undefined when this site does not (or no longer) have it. */
  named(purpose: Purpose, id: string): DerivedKey | undefined
}

/** Derives a key per purpose from each of the site's keys; the first is the current one. */
export function createKeyring(keys: readonly Key[]): Keyring {
  const [first] = keys
  if (first === undefined) throw new Error('a keyring needs at least one key')
  const known = new Map<string, DerivedKey>()
  const named = (purpose: Purpose, id: string): DerivedKey | undefined => {
    const place = `${purpose} ${id}`
    const found = known.get(place)
    if (found !== undefined) return found
    const key = keys.find((candidate) => candidate.id === id)
    if (key === undefined) return undefined
    const derived = { id, secret: new Uint8Array(hkdfSync('sha256', key.secret, '', `carrel ${purpose}`, 32)) }
    known.set(place, derived)
    return derived
  }
  const current = (purpose: Purpose): DerivedKey => {
    const key = named(purpose, first.id)
    if (key === undefined) throw new Error('a keyring always holds its first key')
    return key
  }
  return { current, named }
}
