import { createHash, timingSafeEqual } from 'node:crypto'
import type { z } from '@hono/zod-openapi'
import type { Db, Trx } from '../../db/connect.ts'
import { getHandover, lockHandover, recordSaid, recordTaken } from '../../db/handover.ts'
import type { Handover, SaidOfHandover } from '../../db/handover.ts'
import { recordReport, takenElsewhere } from '../../db/reports.ts'
import { takeVerdict, wordVerdict } from '../../domain/handover.ts'
import type { HandoverWord } from '../../domain/handover.ts'
import type { AccountId, HandoverId } from '../../domain/ids.ts'
import { recordAudit } from '../../db/audit.ts'
import type { Deed } from '../env.ts'
import { notFound, Problem } from '../problem.ts'
import { placeOf } from './place.ts'
import type { End, Failure, Report } from './schemas.ts'

/** Who says something of which instance. */
export interface Speaker {
  readonly db: Db
  readonly deed: Deed
  readonly provisioner: AccountId
  readonly id: HandoverId
}

export interface Taken {
  readonly handover: Handover
  /** Sealed; `null`: given before, and kept nowhere any more. */
  readonly sealed: Buffer | null
}

const hashOf = (claim: string): Buffer => createHash('sha256').update(claim).digest()

/** Gives an instance to whoever comes first, and to nobody else. Throws 404, 409 `conflict`, 410 `gone`. */
export async function take({ db, deed, provisioner, id }: Speaker, claim: string): Promise<Taken> {
  const claimHash = hashOf(claim)
  return await db.transaction().execute(async (trx): Promise<Taken> => {
    const found = await locked(trx, provisioner, id)
    const isSameClaim = found.claimHash !== null && timingSafeEqual(found.claimHash, claimHash)
    const verdict = takeVerdict(found.handover, isSameClaim)
    switch (verdict) {
      case 'over':
        throw new Problem('gone', 'It is not wanted any more.')
      case 'others':
        throw new Problem('conflict', 'It was taken already, by another claim.')
      case 'shown':
        return { handover: found.handover, sealed: null }
      case 'again':
        return found
      case 'taken':
        await recordTaken(trx, id, { accountId: provisioner, claimHash })
        await audit(trx, deed, found.handover, { providerId: found.handover.providerId })
        return { handover: await reread(trx, provisioner, id), sealed: found.sealed }
      default:
        return verdict satisfies never
    }
  })
}

/** Notes how far it is, or where it answers. Throws 404, 409 `conflict`, 410 `gone`, 422. */
export async function report(speaker: Speaker, said: z.output<typeof Report>): Promise<void> {
  const words = said.words === undefined ? {} : { words: said.words }
  if (said.state === 'preparing') return await say(speaker, 'preparing', words)
  await say(speaker, 'running', { ...words, status: 'running' }, async (trx, handover) => {
    const place = placeOf(handover, said)
    if (place.report !== null) {
      const recorded = await recordReport(trx, handover.key, place.report)
      if (recorded === 'over') throw notWanted()
      if (recorded === 'other') throw new Problem('conflict', 'Other ports were reported before, and those stand.')
    }
    if (await takenElsewhere(trx, handover.key, place.endpoints))
      throw new Problem('conflict', 'Another session is reached there.')
    return { host: place.host }
  })
}

/** Notes that it cannot be made, or does not run any more. Throws 404, 409 `conflict`. */
export async function fail(speaker: Speaker, { code, words, gone }: z.output<typeof Failure>): Promise<void> {
  const said = { status: 'failed' as const, code, ...(words === undefined ? {} : { words }) }
  await say(speaker, 'failed', { ...said, ...(gone ? { isGone: true } : {}) })
}

/** Notes that it ended by itself. Throws 404, 409 `conflict`. */
export async function end(speaker: Speaker, { exitCode, words, gone }: z.output<typeof End>): Promise<void> {
  await say(speaker, 'ended', {
    status: 'ended',
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(words === undefined ? {} : { words }),
    ...(gone ? { isGone: true } : {}),
  })
}

/** Notes that nothing is left of it. Throws 404, 409 `conflict` of what nobody took. */
export const sayGone = async (speaker: Speaker): Promise<void> => await say(speaker, 'gone', { isGone: true })

/** Writes what is said once; the same again is answered the same. `more`: what is held against the instance first. */
async function say(
  { db, deed, provisioner, id }: Speaker,
  word: HandoverWord,
  said: SaidOfHandover,
  more?: (trx: Trx, handover: Handover) => Promise<SaidOfHandover>,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const { handover } = await locked(trx, provisioner, id)
    const verdict = wordVerdict(handover, word)
    if (verdict === 'early') throw new Problem('conflict', 'Take it first.')
    if (verdict === 'late') throw new Problem('conflict', 'Something else was said of it before, and that stands.')
    if (verdict === 'over') throw notWanted()
    const whole = { ...said, ...(await more?.(trx, handover)) }
    const news = verdict === 'said' ? added(handover, whole) : whole
    if (news === null) return
    await recordSaid(trx, id, news)
    // How it comes along is no change of anything that somebody decides by.
    if (word !== 'preparing') await audit(trx, deed, handover, { word, ...auditOf(news) })
  })
}

/** What was said before stands; of a failure and an end only that nothing is left may be added. `null`: nothing is. Throws 409. */
function added(handover: Handover, { host, code, exitCode, isGone }: SaidOfHandover): SaidOfHandover | null {
  const differs =
    (host !== undefined && host !== handover.host) ||
    (code !== undefined && code !== handover.code) ||
    (exitCode !== undefined && exitCode !== handover.exitCode)
  if (differs) throw new Problem('conflict', 'Something else was said of it before, and that stands.')
  return isGone === true && !handover.isGone ? { isGone } : null
}

const notWanted = (): Problem => new Problem('gone', 'It is not wanted any more: remove it, and say that it is gone.')

async function locked(trx: Trx, provisioner: AccountId, id: HandoverId) {
  const found = await lockHandover(trx, provisioner, id)
  if (found === null) throw notFound('instance')
  return found
}

async function reread(trx: Trx, provisioner: AccountId, id: HandoverId): Promise<Handover> {
  const handover = await getHandover(trx, provisioner, id)
  if (handover === null) throw notFound('instance')
  return handover
}

/** Its words are the provisioner's, and no part of the audit. */
const auditOf = ({ code, host, isGone }: SaidOfHandover) => ({
  ...(code === undefined ? {} : { code }),
  ...(host === undefined ? {} : { host }),
  ...(isGone === true ? { gone: true } : {}),
})

async function audit(
  trx: Trx,
  deed: Deed,
  { key, id }: Handover,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  await recordAudit(trx, {
    ...deed,
    subject: { kind: 'session', id: key.sessionId },
    outcome: 'accepted',
    detail: { ...detail, generation: key.generation, handoverId: id },
  })
}
