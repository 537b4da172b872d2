import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { InvitationId } from '../../domain/ids.ts'
import { decodeForDisplay } from '../../platform/temporal/codec.ts'
import { createFakeBackend } from '../../ports/compute/fake/backend.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { createSmtpMailer } from '../../ports/mail/smtp/mailer.ts'
import { smtpSettings } from '../../ports/mail/smtp/settings.ts'
import { plainInvitations } from '../../api/invitations/settings.ts'
import { createMailProcess } from '../support/mail/mail-process.ts'
import { linkIn, startMailServer } from '../support/mail/mail-server.ts'
import type { MailServer } from '../support/mail/mail-server.ts'
import { apiOn } from './api-on-stage.ts'
import { recordingKey } from './histories/paths.ts'
import { record } from './histories/recorder.ts'
import { createStage, eventually } from './stage.ts'
import type { Stage } from './stage.ts'

const pageUrl = 'https://carrel.example/invitation'

let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>>
let api: ReturnType<typeof apiOn>
let server: MailServer
let owner: { readonly id: string; readonly token: string }
let projectId: string
let counter = 0

beforeAll(async () => {
  server = await startMailServer()
  stage = await createStage({
    provider: createFakeProvider({ backend: createFakeBackend(), endpoint: 'serve' }),
    timings: { mailRetryMs: 100, mailRetryMaxMs: 500, mailTryMs: 60_000 },
    key: recordingKey,
  })
  const from = { name: 'Carrel', address: 'carrel@site.example' }
  worker = await stage.startWorkers(['core', 'mail'], {
    mail: {
      // The port is the same whenever the server is back.
      open: () =>
        createSmtpMailer(smtpSettings.parse({ host: server.host, port: server.port, tls: 'none', auth: null, from })),
      pageUrl,
      timeZone: 'UTC',
    },
  })
  const rates = { perAccount: 100, perProject: 100, perAddress: 100 }
  api = apiOn(stage, { invitations: { ...plainInvitations, delivery: 'mail', pageUrl, rates } })
}, 120_000)
afterAll(async () => {
  await worker?.stop()
  api?.close()
  await stage?.close()
  await server?.close()
}, 120_000)
beforeEach(async () => {
  owner = await api.account('member')
  await stage.db
    .updateTable('account')
    .set({ email: `${owner.id}@site.example` })
    .where('id', '=', owner.id as never)
    .execute()
  projectId = (await api.call('POST', '/v1/projects', { token: owner.token, body: { name: 'Compilers' } })).body.id
})

const invite = async (email = `guest${(counter += 1)}@site.example`) => {
  const path = `/v1/projects/${projectId}/invitations`
  const made = await api.call('POST', path, { token: owner.token, body: { email, role: 'editor', language: 'nl' } })
  expect([made.status, made.body['link'], made.body.state]).toEqual([201, null, 'sending'])
  return { id: made.body.id, email }
}
const read = async (id: InvitationId) => (await api.call('GET', `/v1/invitations/${id}`, { token: owner.token })).body
const becomes = async (id: InvitationId, state: string) =>
  await eventually(`it is ${state}`, async () => (await read(id)).state === state)
const mailsTo = (email: string) => server.caught.filter(({ to }) => to.includes(email))
const set = async (id: InvitationId, change: { remind_at?: Date; expires_at?: Date }) =>
  await stage.db
    .updateTable('invitation')
    .set((eb) => ({ ...change, wake_version: eb('wake_version', '+', 1), next_try_at: new Date() }))
    .where('id', '=', id)
    .execute()

/** All that the run's history says, as the workers read it. */
async function historyOf(id: InvitationId): Promise<string> {
  const history = await stage.client.workflow.getHandle(`invitation/${id}`).fetchHistory()
  const words: string[] = []
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    if ('metadata' in value && 'data' in value) {
      const [plain] = decodeForDisplay(stage.keyring, [value as Parameters<typeof decodeForDisplay>[1][number]])
      words.push(Buffer.from(plain?.data ?? new Uint8Array()).toString())
      return
    }
    for (const inner of Object.values(value)) walk(inner)
  }
  walk(history)
  return `${words.join('\n')}\n${JSON.stringify(history, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v))}`
}

describe('a mail server that is away', () => {
  test('keeps an invitation sending, with the reason; back, it brings the link, and nothing of it is in the history', async () => {
    await server.stop()
    const { id, email } = await invite()
    await eventually('the inviter sees why', async () => {
      const sending = (await read(id))['sending'] as { problem: string; tries: number } | null
      return sending?.problem === 'unreachable' && sending.tries > 1
    })
    await server.start()
    await becomes(id, 'sent')
    const [mail, ...more] = mailsTo(email)
    if (mail === undefined) throw new Error('No mail came.')
    expect(more).toEqual([])
    expect(mail.subject).toContain('nodigt je uit voor het project Compilers')
    expect(mail.replyTo).toContain(`${owner.id}@site.example`)
    const link = linkIn(mail)
    expect(link.startsWith(`${pageUrl}#`)).toBe(true)

    const guest = await api.account('member')
    await stage.db.updateTable('account').set({ email }).where('id', '=', guest.id).execute()
    const code = link.split('#')[1] ?? ''
    const answer = await api.call('POST', '/v1/invitation-acceptances', {
      token: guest.token,
      body: { code },
      key: null,
    })
    expect(answer.body.state).toBe('accepted')
    await stage.client.workflow.result(`invitation/${id}`)
    const history = await historyOf(id)
    expect(history).toContain(id)
    for (const secret of [email, code, code.slice(-20), 'Compilers']) expect(history).not.toContain(secret)
    expect(JSON.stringify((await read(id))['history'])).not.toContain(email)
    await record(stage.client, 'invitation', `invitation/${id}`)
  })

  test('that breaks off before it says that it took a mail gets it again, with the same link and Message-ID', async () => {
    server.loseNextAnswer()
    const { id, email } = await invite()
    await becomes(id, 'sent')
    const mails = mailsTo(email)
    expect(mails).toHaveLength(2)
    expect(new Set(mails.map(linkIn)).size).toBe(1)
    expect(new Set(mails.map(({ messageId }) => messageId)).size).toBe(1)
  })
})

test('of twenty a mail server that is killed and comes back again and again loses none, and brings nobody another link', async () => {
  await server.stop()
  const process = createMailProcess(server.port)
  const mailsBy = async () => Map.groupBy(await process.caught(), ({ to }) => to.join())
  const kills = 3
  try {
    // Whoever writes them waits for themselves: they are counted.
    const invited: Awaited<ReturnType<typeof invite>>[] = []
    while (invited.length < 20) invited.push(await invite())
    const [revoked, rest] = [invited.slice(0, 3), invited.slice(3)]
    const accepted = rest.slice(0, 3)
    const acceptsIn = async ({ email }: { readonly email: string }) => {
      await eventually('its mail came', async () => (await mailsBy()).has(email), 60_000)
      const guest = await api.account('member')
      await stage.db.updateTable('account').set({ email }).where('id', '=', guest.id).execute()
      const [mail] = (await mailsBy()).get(email) ?? []
      const code = mail === undefined ? '' : (linkIn(mail).split('#')[1] ?? '')
      const asked = { token: guest.token, body: { code }, key: null }
      const accepts = async () => (await api.call('POST', '/v1/invitation-acceptances', asked)).status
      await eventually('it is accepted', async () => (await accepts()) === 200)
    }
    const accepting = Promise.all(accepted.map(acceptsIn))
    const revoking = Promise.all(
      revoked.map(async ({ id }) => {
        const asked = { token: owner.token, key: null }
        const revokes = async () => (await api.call('POST', `/v1/invitations/${id}/revoke`, asked)).status
        await eventually('it is revoked', async () => (await revokes()) === 200)
      }),
    )
    for (let killed = 0; killed < kills; killed++) {
      await process.start()
      await eventually('some came', async () => (await mailsBy()).size > 3 * killed, 60_000)
      await process.kill()
    }
    await process.start()
    await Promise.all([accepting, revoking])
    for (const { id } of rest.slice(3)) await becomes(id, 'sent')
    for (const { id } of accepted) await becomes(id, 'accepted')
    for (const { id } of revoked) await becomes(id, 'revoked')

    const mails = await mailsBy()
    for (const { email } of rest) expect([email, mails.get(email)?.length ?? 0]).not.toEqual([email, 0])
    for (const [email, brought] of mails) {
      // Each kill may have come when the mail was taken, and before its sender was told.
      expect([email, brought.length <= 1 + kills]).toEqual([email, true])
      expect([email, new Set(brought.map(linkIn)).size]).toEqual([email, 1])
      expect([email, new Set(brought.map(({ messageId }) => messageId)).size]).toEqual([email, 1])
    }
    const meant = await stage.db
      .selectFrom('invitation_mail')
      .select(['invitation_id', 'outcome'])
      .where(
        'invitation_id',
        'in',
        invited.map(({ id }) => id),
      )
      .execute()
    expect(new Set(meant.map((mail) => mail.invitation_id)).size).toBe(meant.length)
    for (const { id } of rest.slice(3)) expect(meant).toContainEqual({ invitation_id: id, outcome: 'sent' })
  } finally {
    await process.close()
    await server.start()
  }
}, 180_000)

test('a mailbox that nobody has ends it', async () => {
  const email = 'nobody@site.example'
  server.refuse(email)
  const { id } = await invite(email)
  await becomes(id, 'bounced')
  expect((await read(id))['reason']).toBe('recipient_refused')
})

test('somebody is reminded by the same link, may be sent it again, and it ends with its time', async () => {
  const { id, email } = await invite()
  await becomes(id, 'sent')
  await set(id, { remind_at: new Date() })
  await eventually('the reminder came', () => mailsTo(email).length === 2)
  await becomes(id, 'sent')
  await stage.db
    .updateTable('invitation_mail')
    .set({ wanted_at: new Date(0) })
    .where('invitation_id', '=', id)
    .execute()
  const resent = await api.call('POST', `/v1/invitations/${id}/resend`, { token: owner.token, key: null })
  expect(resent.status).toBe(200)
  await eventually('it came once more', () => mailsTo(email).length === 3)
  await becomes(id, 'sent')
  const again = await api.call('POST', `/v1/invitations/${id}/resend`, { token: owner.token, key: null })
  expect(again.status).toBe(409)
  expect(mailsTo(email).map(({ subject }) => subject.startsWith('Herinnering'))).toEqual([false, true, false])
  expect(new Set(mailsTo(email).map(linkIn)).size).toBe(1)
  await set(id, { expires_at: new Date() })
  await becomes(id, 'expired')
  await stage.client.workflow.result(`invitation/${id}`)
  await record(stage.client, 'invitation-expired', `invitation/${id}`)
})

test('while the installation is disarmed nobody is written to, and nobody tries all the time', async () => {
  const { db } = stage
  await db.updateTable('installation').set({ disarmed_at: new Date(), disarmed_reason: 'copied' }).execute()
  const { id, email } = await invite()
  try {
    // A workflow that runs already is told by nobody else.
    await stage.client.workflow.start('invitationWorkflow', {
      workflowId: `invitation/${id}`,
      taskQueue: 'core',
      args: [{ invitationId: id, timings: { ...stage.timings, mailRetryMs: 60_000 } }],
    })
    const waits = async () => {
      const { events } = await stage.client.workflow.getHandle(`invitation/${id}`).fetchHistory()
      return (events ?? []).some(
        ({ timerStartedEventAttributes: timer }) => timer?.startToFireTimeout?.seconds?.toString() === '60',
      )
    }
    await eventually('it waits', waits)
    expect(mailsTo(email)).toEqual([])
  } finally {
    await db.updateTable('installation').set({ disarmed_at: null, disarmed_reason: null }).execute()
  }
  await set(id, {})
  await becomes(id, 'sent')
})

test('an inviter who loses the right takes it along, without anybody coming to accept', async () => {
  const { id } = await invite()
  await becomes(id, 'sent')
  await stage.db
    .updateTable('project_member')
    .set({ role: 'viewer' })
    .where('account_id', '=', owner.id as never)
    .execute()
  // Whoever may read the project's invitations no more still reads their own.
  await becomes(id, 'revoked')
  expect((await read(id))['reason']).toBe('right_lost')
})
