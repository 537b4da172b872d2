import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Deed } from '../../../api/env.ts'
import { createInvitationBooksActivities, createMailActivities } from '../../../activities/invitation.ts'
import { insertInvitation } from '../../../db/invitations.ts'
import { newId } from '../../../domain/ids.ts'
import type { AccountId, InvitationId, ProjectId } from '../../../domain/ids.ts'
import type { SessionKey } from '../../../domain/session.ts'
import { withTimings } from '../../../domain/timings.ts'
import { createFakeMailer } from '../../../ports/mail/fake.ts'
import type { FakeMailer } from '../../../ports/mail/fake.ts'
import { DoorRefused, hostOf } from '../../setup/doors.ts'
import type { DoorScene, Visitor } from '../../setup/doors.ts'
import type { Rows } from '../../setup/rows.ts'

/** Waits are for others: here a try that failed may be repeated at once. */
export const timings = withTimings({ mailRetryMs: 1, mailRetryMaxMs: 1 })

export interface Guest extends Visitor {
  readonly email: string
}

/** What somebody opened, as the gateway's rows have it. */
export interface Opened {
  readonly guest: Guest
  readonly passId: string
}

/** Somebody who invites, a session of theirs, two who may answer, and a mail server of their own. */
export interface Scene {
  readonly rows: Rows
  readonly id: InvitationId
  readonly code: string
  readonly kind: 'project' | 'session'
  readonly anyone: boolean
  readonly projectId: ProjectId
  /** The inviter's, whose doors are open: the place itself, or one of the project. */
  readonly session: SessionKey
  readonly inviter: Guest
  /** Another owner of the project, who may take the inviter's right. */
  readonly chief: Guest
  readonly named: Guest
  readonly other: Guest
  readonly mailer: FakeMailer
  /** What a worker does about the invitation. Whoever is told to die loses what it was about to note. */
  readonly books: ReturnType<typeof createInvitationBooksActivities>
  readonly mail: ReturnType<typeof createMailActivities>
  /** What the mail server said to which mail, in order. */
  readonly answers: readonly { readonly key: string; readonly said: string }[]
  /** What was opened in the session. */
  readonly opened: readonly Opened[]
  /** Opens its door as a browser does, and something behind it. Throws what refused it. */
  enter(guest: Guest): Promise<void>
  /** The next mail that is given to the server is the last deed of its worker. */
  dieAfterSending(): void
}

export class WorkerDied extends Error {}

export const deedOf = (accountId: AccountId): Deed => ({
  accountId,
  client: 'test',
  onBehalfOf: null,
  action: 'race',
  requestId: null,
})

async function person(doors: DoorScene): Promise<Guest> {
  const visitor = await doors.visitor()
  const email = `${visitor.accountId}@site.example`
  await doors.rows.db.updateTable('account').set({ email }).where('id', '=', visitor.accountId).execute()
  return { ...visitor, email }
}

export async function openScene(doors: DoorScene, kind: Scene['kind'], anyone: boolean): Promise<Scene> {
  const { rows } = doors
  const { db } = rows
  const [inviter, chief, named, other] = [
    await person(doors),
    await person(doors),
    await person(doors),
    await person(doors),
  ]
  const projectId = await rows.project(inviter.accountId)
  await db
    .insertInto('project_member')
    .values({ project_id: projectId, account_id: chief.accountId, role: 'owner' })
    .execute()
  await db.updateTable('project').set({ sharing: 'invited' }).where('id', '=', projectId).execute()
  const session = await doors.ready({ accountId: inviter.accountId, projectId })
  const id = newId('invitation')
  const code = `carrel_invitation_${id}`
  await db.transaction().execute((trx) =>
    insertInvitation(trx, {
      id,
      projectId,
      sessionId: kind === 'session' ? session.sessionId : null,
      place: kind === 'project' ? { kind, role: 'editor' } : { kind, mode: 'control' },
      inviterId: inviter.accountId,
      email: named.email,
      anyone,
      language: 'en',
      delivery: 'mail',
      codeHash: createHash('sha256').update(code).digest(),
      code: Buffer.from(code),
      expiresInMs: 86_400_000,
      remindInMs: 43_200_000,
    }),
  )
  const server = createFakeMailer()
  let dying = false
  const answers: { key: string; said: string }[] = []
  const opened: Opened[] = []
  const mailer: FakeMailer = {
    ...server,
    async send(mail) {
      // A server takes its time: others come in between.
      await sql`select pg_sleep(0.01)`.execute(db)
      const answer = await server.send(mail)
      const taken = answer.kind === 'accepted'
      const dies = dying && taken
      if (dies) dying = false
      answers.push({ key: mail.key, said: dies ? 'died' : taken ? 'accepted' : answer.code })
      if (dies) throw new WorkerDied()
      return answer
    },
  }
  return {
    rows,
    id,
    code,
    kind,
    anyone,
    projectId,
    session,
    inviter,
    chief,
    named,
    other,
    mailer,
    answers,
    books: createInvitationBooksActivities({ db }),
    mail: createMailActivities({
      db,
      mailer,
      openCode: (_, sealed) => sealed.toString(),
      pageUrl: 'https://carrel.example/invitation',
      timeZone: 'UTC',
      tried: () => {},
    }),
    opened,
    async enter(guest) {
      const pass = await doors.enter(session, guest)
      const verdict = await doors.gateway.check(pass, hostOf(session))
      // Whoever is cut at this very moment has nothing open.
      if (verdict.kind !== 'open') throw new DoorRefused(verdict.kind)
      await doors.gateway.openTunnel(verdict.access, 'websocket', '192.0.2.1')
      opened.push({ guest, passId: verdict.access.passId })
    },
    dieAfterSending() {
      dying = true
    },
  }
}
