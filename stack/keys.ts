import { connect } from '../db/connect.ts'
import type { Db } from '../db/connect.ts'
import { ConfigInvalid, readConfig } from '../platform/config.ts'
import type { Key } from '../platform/config.ts'
import { createKeyring } from '../platform/keyring.ts'
import { createSecrets } from '../platform/secrets.ts'
import type { TemporalPlace } from '../platform/temporal/connection.ts'
import { createInterruption } from './interruption.ts'
import { readHistories } from './key-histories.ts'
import type { Histories } from './key-histories.ts'
import { partingLines, readKeyUse, rotationLines, unknownRows, useLines } from './key-report.ts'
import { rotate } from './key-rotation.ts'
import { readWish, WishUnclear } from './key-wish.ts'
import type { Wish } from './key-wish.ts'
import { createProgress } from './progress.ts'

const help = `npm run keys -- status [--before <time>]
npm run keys -- rotate [--dry-run] [--batch <rows>]

status  says which keys are in use in how many rows, which of them are known, and when older ones may go.
rotate  encrypts every sealed column with the current key, in batches, while sessions run. It may be stopped
        and run again at any time. Rows that no known key opens are named and left as they are.

  --before <time>   ISO 8601: when the last api or worker was restarted with the new key in front; runs of
                    workflows that began later need no older key. Default: now, which counts all of them
  --dry-run         says what would be done, and changes nothing
  --batch <rows>    per transaction, 1 to 1000; default: 100

  CARREL_KEYS               new:base64,old:base64; the first is current
  CARREL_DATABASE_URL       postgres://user:password@host:port/database
  CARREL_TEMPORAL_ADDRESS   host:port
  CARREL_TEMPORAL_NAMESPACE default: carrel

Exit code 0: done, and every row can be opened. 1: rows are left or their key is not known, or it failed (a
status without Temporal's answer also counts as failed). 2: it was called wrongly.
`

const statementTimeoutMs = 60_000
const progress = createProgress({ output: process.stdout, live: false })

async function main(): Promise<void> {
  const wish = readWish(process.argv.slice(2), new Date())
  if (wish === null) return void process.stdout.write(help)
  const config = readConfig(['database', 'temporal', 'keys'])
  for (const key of config.unknownKeys) progress.print(`${key} is not a variable of Carrel's: misspelt?`)
  const db = connect({ url: config.database.url, poolSize: 2, statementTimeoutMs, name: 'carrel-keys' })
  try {
    const rotated = wish.command === 'status' || (await rotateAll(db, config.keys, wish))
    const known = await report(db, config.keys, config.temporal, wish)
    if (!rotated || !known) process.exitCode = 1
  } finally {
    await db.destroy()
  }
}

/** Returns whether nothing is left to do, or in a dry run, whether nothing would be. */
async function rotateAll(db: Db, keys: readonly Key[], wish: Wish): Promise<boolean> {
  const keyring = createKeyring(keys)
  const interruption = createInterruption(
    () => progress.line('stops after this batch'),
    () => process.exit(1),
  )
  process.on('SIGINT', interruption.heard).on('SIGTERM', interruption.heard)
  const done = await rotate(
    { db, secrets: createSecrets(keyring), currentKeyId: keyring.current('column').id, say: progress.line },
    { batch: wish.batch, dryRun: wish.dryRun, signal: interruption.asked },
  )
  for (const line of rotationLines(done, wish.dryRun)) progress.print(line)
  return done.complete && done.unreadable.length === 0
}

/** Returns whether everything could be told, and every key is known. */
async function report(db: Db, keys: readonly Key[], temporal: TemporalPlace, wish: Wish): Promise<boolean> {
  const keyIds = keys.map(({ id }) => id)
  const use = await readKeyUse(db)
  for (const line of useLines(use, keyIds)) progress.print(line)
  const histories = keys.length > 1 ? await historiesOrNull(temporal, wish.before) : null
  for (const line of partingLines(use, keyIds, histories)) progress.print(line)
  const unasked = wish.command === 'status' && keys.length > 1 && histories === null
  return unknownRows(use, keyIds).length === 0 && !unasked
}

async function historiesOrNull(temporal: TemporalPlace, before: Date): Promise<Histories | null> {
  try {
    return await readHistories(temporal, before)
  } catch {
    progress.print(`Temporal at ${temporal.address} did not answer.`)
    return null
  }
}

main().catch((error: unknown) => {
  const told = error instanceof ConfigInvalid || error instanceof WishUnclear
  console.error(told ? error.message : error)
  process.exitCode = error instanceof WishUnclear ? 2 : 1
})
