import { sql } from 'kysely'
import { accept, decline } from '../../../api/invitations/answering.ts'
import { resend, revoke } from '../../../api/invitations/inviting.ts'
import { Problem } from '../../../api/problem.ts'
import { disableAccount } from '../../../db/account-standing.ts'
import { removeCollaborator } from '../../../db/collaborators.ts'
import { requestStop } from '../../../db/intents.ts'
import { archiveProject } from '../../../db/project-standing.ts'
import { removeMember } from '../../../db/project-members.ts'
import type { Guest, Scene } from './scene.ts'
import { DoorRefused } from '../../setup/doors.ts'
import { deedOf, timings, WorkerDied } from './scene.ts'

/** What came of a doing. `done`: it is so now; else the code of what refused it. */
export type Came = 'done' | (string & {})

/** Everything that may happen to an invitation. */
export const doingNames = [
  'accept',
  'acceptOther',
  'enter',
  'enterOther',
  'remove',
  'removeOther',
  'decline',
  'revoke',
  'resend',
  'remind',
  'expire',
  'close',
  'archive',
  'disable',
  'loseRight',
  'work',
  'workBeside',
  'mailDown',
  'mailUp',
  'deferMail',
  'loseAnswer',
  'killWorker',
  'noMailbox',
] as const
export type DoingName = (typeof doingNames)[number]

/** Deeds that end what is offered: who accepts after one of them has happened is let in by a defect. */
export const endings: readonly DoingName[] = ['revoke', 'expire', 'close', 'archive', 'disable', 'loseRight', 'decline']
/** Deeds after which nobody whom the inviter let in has a door. */
export const closings: readonly DoingName[] = ['close', 'archive', 'disable', 'loseRight']

async function told(deed: () => Promise<unknown>): Promise<Came> {
  try {
    await deed()
    return 'done'
  } catch (error) {
    if (error instanceof Problem) return error.code
    if (error instanceof DoorRefused) return error.message
    throw error
  }
}

const acceptAs = async ({ rows, code }: Scene, { accountId }: Guest): Promise<Came> =>
  await told(async () => await accept(rows, deedOf(accountId), accountId, { code }))

export async function doThis(scene: Scene, name: DoingName): Promise<Came> {
  const { rows, id, code, inviter, named, other, mailer } = scene
  const { db } = rows
  const by = deedOf(inviter.accountId)
  switch (name) {
    case 'accept':
      return await acceptAs(scene, named)
    case 'acceptOther':
      return await acceptAs(scene, other)
    case 'enter':
      return await told(async () => await scene.enter(named))
    case 'enterOther':
      return await told(async () => await scene.enter(other))
    case 'remove':
      return await remove(scene, named)
    case 'removeOther':
      return await remove(scene, other)
    case 'decline':
      return await told(async () => await decline(rows, deedOf(named.accountId), named.accountId, { code }))
    case 'revoke':
      return await told(async () => await revoke(rows, by, id))
    case 'resend':
      // Ten minutes later.
      await sql`update invitation_mail set wanted_at = wanted_at - interval '11 minutes'
        where invitation_id = ${id} and ended_at is not null`.execute(db)
      return await told(async () => await resend({ db, settings: {} }, by, id))
    case 'remind':
      await sql`update invitation set remind_at = clock_timestamp() where id = ${id} and remind_at is not null`.execute(
        db,
      )
      return 'done'
    case 'expire':
      await sql`update invitation set expires_at = clock_timestamp() where id = ${id}`.execute(db)
      return 'done'
    case 'close':
      return await close(scene)
    case 'archive':
      return await db.transaction().execute(async (trx) => await archiveProject(trx, scene.projectId))
    case 'disable':
      await db.transaction().execute(async (trx) => await disableAccount(trx, inviter.accountId))
      return 'done'
    case 'loseRight':
      return await db.transaction().execute(async (trx) => await removeMember(trx, scene.projectId, inviter.accountId))
    case 'work':
      await work(scene)
      return 'done'
    // Two workers that both believe it is theirs.
    case 'workBeside':
      await Promise.all([work(scene), work(scene)])
      return 'done'
    case 'mailDown':
      mailer.goDown()
      return 'done'
    case 'mailUp':
      mailer.goUp()
      return 'done'
    case 'deferMail':
      mailer.defer(2)
      return 'done'
    case 'loseAnswer':
      mailer.loseNextAnswer()
      return 'done'
    case 'killWorker':
      scene.dieAfterSending()
      return 'done'
    case 'noMailbox':
      mailer.refuse(named.email)
      return 'done'
    default:
      return name satisfies never
  }
}

/** Its session is asked to stop; of a project, it is closed. */
async function close({ rows: { db }, kind, session, projectId }: Scene): Promise<Came> {
  return await db.transaction().execute(async (trx) => {
    if (kind === 'project') return await archiveProject(trx, projectId)
    await requestStop(trx, session.sessionId, 'user')
    return 'done'
  })
}

/** Takes back what somebody got by accepting. */
async function remove({ rows: { db }, kind, session, projectId }: Scene, { accountId }: Guest): Promise<Came> {
  return await db
    .transaction()
    .execute(async (trx) =>
      kind === 'project'
        ? await removeMember(trx, projectId, accountId)
        : await removeCollaborator(trx, session.sessionId, accountId),
    )
}

const mostLooks = 30

/** What a run of the workflow does until it would wait for long: a look, a step, another look. */
export async function work(scene: Scene): Promise<void> {
  const { id, books } = scene
  for (let looks = 0; looks < mostLooks; looks++) {
    const step = await books.lookAtInvitation({ id, timings })
    if (step === null || step.do === 'nothing') return
    if (step.do === 'end') await books.endInvitation({ id, state: step.state, reason: step.reason })
    else if (step.do === 'remind') await books.wantReminder({ id })
    else if (step.do === 'send') await send(scene, step.number)
    else if (step.ms > 1_000) return
  }
}

/** A worker that dies leaves its try open: two minutes later another one may begin. */
async function send({ rows: { db }, id, mail }: Scene, number: number): Promise<void> {
  try {
    await mail.sendInvitation({ id, number, timings })
  } catch (error) {
    if (!(error instanceof WorkerDied)) throw error
    await sql`update invitation_mail set began_at = began_at - interval '1 hour'
      where invitation_id = ${id} and number = ${number} and ended_at is null`.execute(db)
  }
}
