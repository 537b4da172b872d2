import type { Db } from '../db/connect.ts'
import { countDigests, countSealed, sealedColumns } from '../db/sealed-rows.ts'
import type { DigestCount, SealedColumn } from '../db/sealed-rows.ts'
import { keyIdOf } from '../platform/secrets.ts'
import type { Histories } from './key-histories.ts'
import type { Rotation } from './key-rotation.ts'

export interface SealedCount {
  readonly column: SealedColumn
  /** Empty where the bytes name none. */
  readonly keyId: string
  readonly rows: number
}

/** What the database holds under which key. */
export interface KeyUse {
  readonly sealed: readonly SealedCount[]
  readonly digests: readonly DigestCount[]
}

export async function readKeyUse(db: Db): Promise<KeyUse> {
  const sealed = new Map<string, SealedCount>()
  for (const column of sealedColumns)
    for (const { mark, rows } of await countSealed(db, column)) {
      const keyId = keyIdOf(mark)
      const place = `${column} ${keyId}`
      sealed.set(place, { column, keyId, rows: rows + (sealed.get(place)?.rows ?? 0) })
    }
  return { sealed: [...sealed.values()], digests: await countDigests(db) }
}

/** Sealed rows under keys that this site does not know. */
export const unknownRows = (use: KeyUse, keyIds: readonly string[]): readonly SealedCount[] =>
  use.sealed.filter(({ keyId }) => !keyIds.includes(keyId))

/** What is under which key; the first of `keyIds` is the current one. */
export function useLines(use: KeyUse, keyIds: readonly string[]): readonly string[] {
  const standing = (keyId: string) => {
    if (keyId === '') return 'no key can be told'
    if (keyId === keyIds[0]) return `${keyId} (current)`
    return keyIds.includes(keyId) ? `${keyId} (older)` : `${keyId} (NOT KNOWN)`
  }
  const sealed = use.sealed.map(({ column, keyId, rows }) => `${column}: ${rows} rows under ${standing(keyId)}`)
  const digests = use.digests.map(
    ({ keyId, rows, newest }) =>
      `idempotency_key.body_hmac: ${rows} rows under ${standing(keyId)}, the last of ${newest.toISOString()}`,
  )
  const lines = [...sealed, ...digests]
  return [
    `Known keys: ${keyIds.join(', ')}; ${keyIds[0] ?? 'none'} is current.`,
    ...(lines.length > 0 ? lines : ['Nothing is sealed yet.']),
  ]
}

const named = 20

/** What a rotation did, and each of the first rows that no key opens. */
export function rotationLines(done: Rotation, dryRun: boolean): readonly string[] {
  const rows = done.unreadable.map(
    ({ place, keyId }) =>
      `  ${place.table}.${place.column} of ${place.id}: sealed with ${keyId === '' ? 'no key that can be told' : keyId}`,
  )
  const more = rows.length > named ? [`  and ${rows.length - named} more`] : []
  return [
    `${done.rotated} rows ${dryRun ? 'would be' : 'were'} encrypted with the current key.`,
    ...(rows.length > 0 ? [`${rows.length} rows cannot be opened and were left as they are:`] : []),
    ...rows.slice(0, named),
    ...more,
    ...(done.complete ? [] : ['It is not complete: run it again.']),
  ]
}

const day = 24 * 60 * 60 * 1_000

/** When the older keys may go, as far as it can be known. `histories` is null when Temporal did not answer. */
export function partingLines(use: KeyUse, keyIds: readonly string[], histories: Histories | null): readonly string[] {
  const current = keyIds[0]
  if (keyIds.length < 2) return []
  return [
    `When ${keyIds.slice(1).join(', ')} may be taken out of CARREL_KEYS, provided that every api and worker has ${current} in front:`,
    `  sealed rows: ${sealedParting(use, keyIds)}`,
    `  idempotency keys: ${digestParting(use, current)}`,
    `  Temporal: ${histories === null ? 'it could not be asked, so this is not known' : historyParting(histories)}`,
  ]
}

function sealedParting(use: KeyUse, keyIds: readonly string[]): string {
  const older = use.sealed.filter(({ keyId }) => keyId !== keyIds[0]).reduce((sum, { rows }) => sum + rows, 0)
  return older === 0 ? 'now' : `not yet; ${older} rows are not under the current key: npm run keys -- rotate`
}

function digestParting(use: KeyUse, current: string | undefined): string {
  const last = Math.max(
    0,
    ...use.digests.filter(({ keyId }) => keyId !== current).map(({ newest }) => newest.getTime()),
  )
  return last === 0
    ? 'now'
    : `${new Date(last + day).toISOString()}, 24 hours after the last; without its key a repeated request counts as another`
}

function historyParting({ before, running, closed, retentionDays }: Histories): string {
  const since = before.toISOString()
  if (running + closed === 0) return `now; it keeps no run from before ${since}`
  const kept = retentionDays === null ? 'the retention' : `${retentionDays} days of retention`
  return (
    `${running} running and ${closed} ended runs began before ${since}. A payload does not say in a list which key it has: each of ` +
    `these may need an older one. So not before the last of them has ended and ${kept} have passed since. ` +
    `To see how many are left: npm run keys -- status --before ${since}`
  )
}
