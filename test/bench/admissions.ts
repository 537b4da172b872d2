import { sql } from 'kysely'
import { admitSession } from '../../db/admission.ts'
import { applyConfiguration } from '../../db/bootstrap.ts'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { insertSession } from '../../db/intents.ts'
import { migrateToLatest } from '../../db/migrate.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, ProjectId, ProviderId, TemplateId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import { addAccount } from '../setup/person.ts'
import { fakeConfiguration } from './fake-site.ts'
import { cells, figureColumns, known, median, perSecond, times } from './figures.ts'
import type { Part } from './figures.ts'
import type { Ground } from './ground.ts'
import type { Extent } from './options.ts'
import { interleaved, pooled, timed } from './rounds.ts'

const inFlight = 20
const many = 500

interface Owner {
  readonly accountId: AccountId
  readonly projectId: ProjectId
}

/** How fast sessions are decided, beside updates of a row that is locked first. */
export async function measureAdmissions(ground: Ground, { rounds, quick }: Extent): Promise<Part> {
  const url = await ground.createDatabase()
  await migrateToLatest(url)
  const db = connect({ url, poolSize: inFlight, name: 'carrel-bench' })
  try {
    await applyConfiguration(db, fakeConfiguration(100_000))
    const template = await db.selectFrom('template').select('id').executeTakeFirstOrThrow()
    const count = quick ? 100 : many
    const owners = await ground.progress.step('d: accounts', () => pooled(many, 10, async () => await addAccount(db)))
    const hot = owners.slice(0, 1)
    const took = {
      admitHot: [] as number[],
      bareHot: [] as number[],
      admitMany: [] as number[],
      bareMany: [] as number[],
    }
    const rates = {
      admitHot: [] as number[],
      bareHot: [] as number[],
      admitMany: [] as number[],
      bareMany: [] as number[],
    }
    const run = async (name: keyof typeof took, deed: (n: number) => Promise<unknown>) => {
      const took_ = took[name]
      const all = await timed(
        async () => await pooled(count, inFlight, async (n) => took_.push(await timed(async () => await deed(n)))),
      )
      rates[name].push((count * 1_000) / all)
    }
    const admissions = (name: 'admitHot' | 'admitMany', among: readonly Owner[]) => async () => {
      const keys = await pooled(count, 10, async (n) => await wish(db, template.id, among[n % among.length]!))
      await run(name, async (n) => {
        const { kind } = await admitSession(db, keys[n]!)
        if (kind !== 'admitted') throw new Error(`a session was ${kind}`)
      })
      await forget(db)
    }
    const updates = (name: 'bareHot' | 'bareMany', among: readonly Owner[]) => async () =>
      await run(name, async (n) => await bareUpdate(db, among[n % among.length]!.accountId))
    await ground.progress.step('d: decisions', (say) =>
      interleaved(
        rounds,
        {
          bareHot: updates('bareHot', hot),
          admitHot: admissions('admitHot', hot),
          bareMany: updates('bareMany', owners),
          admitMany: admissions('admitMany', owners),
        },
        ground.signal,
        say,
      ),
    )
    const rate = (name: keyof typeof rates) => median(rates[name])
    return {
      id: 'd',
      title: 'Deciding',
      how: [
        `Carrel: \`admitSession\`, the transaction that locks the quota rows of account, project and provider, sums what they hold, decides, reserves and makes the transition, for ${count} sessions of one account or of ${many} accounts, ${inFlight} at a time from one process. All are on one provider, whose row orders them in both cases. Bare: \`begin\`, a row of the same table \`for no key update\`, an update of it, \`commit\`, through the same pool; one row or ${many}.`,
      ],
      goals: [
        known('one hot account: decisions ÷ bare updates', times(rate('admitHot') / rate('bareHot'))),
        known(`${many} accounts: decisions ÷ bare updates`, times(rate('admitMany') / rate('bareMany'))),
        known('one hot account: decisions', perSecond(rate('admitHot'))),
        known('one hot account: bare updates', perSecond(rate('bareHot'))),
        known(`${many} accounts: decisions`, perSecond(rate('admitMany'))),
        known(`${many} accounts: bare updates`, perSecond(rate('bareMany'))),
      ],
      tables: [
        {
          title: 'how long one takes, with its wait for the locks',
          columns: ['', ...figureColumns],
          rows: [
            ['decision, one hot account', ...cells(took.admitHot)],
            ['bare update, one hot row', ...cells(took.bareHot)],
            [`decision, ${many} accounts`, ...cells(took.admitMany)],
            [`bare update, ${many} rows`, ...cells(took.bareMany)],
          ],
        },
      ],
    }
  } finally {
    await db.destroy()
  }
}

/** Records a wish for a session, past the api. */
export async function wish(db: Db, templateId: TemplateId, owner: Owner): Promise<SessionKey> {
  const id = newId('session')
  await db.transaction().execute(async (trx) => {
    await insertSession(trx, {
      id,
      ownerId: owner.accountId,
      startedBy: owner.accountId,
      client: 'bench',
      projectId: owner.projectId,
      templateId,
      templateVersion: 1,
      providerId: 'fake' as ProviderId,
      name: 'a desk',
      size: 'small',
      parameters: {},
      secretParameters: null,
      mounts: [],
      resources: { sessions: 1, cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 },
      queueLimitSeconds: 3_600,
      startLimitSeconds: 60,
      lifetimeSeconds: 3_600,
      expiresAt: null,
    })
  })
  return { sessionId: id, generation: 1 }
}

/** Each round begins with nothing held. */
async function forget(db: Db): Promise<void> {
  await sql`update reservation set released_at = now() where released_at is null`.execute(db)
  await sql`update session set ended_at = now(), state = 'stopped', reason = 'user' where ended_at is null`.execute(db)
}

async function bareUpdate(db: Db, accountId: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const locked = sql`select version from quota where payer_kind = 'account' and payer_id = ${accountId} for no key update`
    await locked.execute(trx)
    await sql`update quota set version = version + 1 where payer_kind = 'account' and payer_id = ${accountId}`.execute(
      trx,
    )
  })
}
