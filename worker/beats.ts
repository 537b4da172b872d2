import type { Client } from '@temporalio/client'
import { beat, coreRole, providerRole } from '../db/beats.ts'
import type { Db } from '../db/connect.ts'
import { wakeForRetry } from '../db/waiting.ts'
import type { ProviderId } from '../domain/ids.ts'
import { temporalAnswers } from '../starter/starter.ts'

const everyMs = 10_000

/** Beats for every role served, as long as work can be served: with Temporal away nobody serves, however many workers run. */
export function startBeats(
  db: Db,
  client: Client,
  roles: { readonly core: () => Promise<boolean>; readonly providers: () => ProviderId[] },
) {
  const once = async () => {
    if (!(await temporalAnswers(client))) return
    if (await roles.core()) await beat(db, coreRole)
    for (const provider of roles.providers()) {
      const which = await beat(db, providerRole(provider))
      // Who asked for it before could not begin.
      if (which === 'first') await wakeForRetry(db, provider)
    }
  }
  let beating: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    beating = once().catch(() => {})
  }, everyMs)
  return {
    /** The first beat stores the outage that ends with it: before anything is served. */
    once,
    async stop() {
      clearInterval(timer)
      await beating
    },
  }
}
