import { mayBecome } from '../../../domain/invitation.ts'
import type { InvitationState } from '../../../domain/invitation.ts'
import { pick, seeded } from '../../setup/seeded.ts'
import type { Rows } from '../../setup/rows.ts'
import { doingNames, doThis, endings, work } from './doings.ts'
import type { Came, DoingName } from './doings.ts'
import { openScene } from './scene.ts'
import type { Guest, Scene } from './scene.ts'

/** One doing, from which moment to which, and what came of it. */
interface Done {
  readonly name: DoingName
  readonly began: number
  readonly ended: number
  readonly came: Came
}

/** Lets everything race everything, as the seed has it; then all is put right and carried out. Returns what went wrong. */
export async function runSchedule(rows: Rows, seed: number): Promise<readonly string[]> {
  const random = seeded(seed)
  const scene = await openScene(rows, pick(random, ['project', 'session'] as const), random() < 0.4)
  const breaches: string[] = []
  let moment = 0
  const done: Done[] = []
  const act = async (name: DoingName) => {
    const began = (moment += 1)
    try {
      const came = await doThis(scene, name)
      done.push({ name, began, ended: (moment += 1), came })
    } catch (error) {
      breaches.push(`${name} failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const running: Promise<void>[] = []
  const many = 5 + Math.floor(random() * 7)
  for (let n = 0; n < many; n++) {
    const next = act(pick(random, [...doingNames, 'work', 'accept'] as const))
    running.push(next)
    // One after the other, or as close together as they come.
    if (random() < 0.5) await next
    else for (let turns = Math.floor(random() * 4); turns > 0; turns--) await new Promise((go) => setImmediate(go))
  }
  await Promise.all(running)

  scene.mailer.goUp()
  scene.mailer.defer(0)
  await work(scene)
  const open = await stateOf(scene)
  if (open === 'sending') breaches.push('a mail is still to go out although nothing keeps it')
  breaches.push(...(await ofMails(scene, done)))
  await act('expire')
  await work(scene)
  breaches.push(...(await ofEnd(scene, done)))
  return breaches
}

const stateOf = async ({ rows: { db }, id }: Scene): Promise<InvitationState> =>
  (await db.selectFrom('invitation').select('state').where('id', '=', id).executeTakeFirstOrThrow()).state

/** Each mail that was meant went out once as far as its server said; again only where nobody knew; always with the same link. */
async function ofMails({ rows: { db }, id, mailer, answers }: Scene, done: readonly Done[]): Promise<string[]> {
  const breaches: string[] = []
  const mails = await db.selectFrom('invitation_mail').selectAll().where('invitation_id', '=', id).execute()
  const meant = 1 + done.filter(({ name, came }) => name === 'resend' && came === 'done').length
  if (mails.length !== meant) breaches.push(`${mails.length} mails were meant, not ${meant}`)
  for (const { number, outcome } of mails) {
    const key = `${id}.${number}`
    const said = answers.filter((answer) => answer.key === key).map((answer) => answer.said)
    const accepted = said.filter((word) => word === 'accepted').length
    const taken = mailer.taken.filter((mail) => mail.key === key)
    const unknown = said.filter((word) => word === 'unconfirmed' || word === 'died').length
    if (accepted > 1) breaches.push(`${key} was accepted ${accepted} times`)
    if (outcome === 'sent' && accepted !== 1) breaches.push(`${key} counts as sent, and nobody accepted it`)
    if (taken.length > 1 + unknown) breaches.push(`${key} went out ${taken.length} times`)
    if (new Set(taken.map((mail) => mail.messageId)).size > 1) breaches.push(`${key} has several Message-IDs`)
  }
  const links = new Set(mailer.taken.map(({ text }) => /https:\S+#\S+/.exec(text)?.[0]))
  if (links.size > 1) breaches.push(`there were ${links.size} links`)
  return breaches
}

async function ofEnd(scene: Scene, done: readonly Done[]): Promise<string[]> {
  const { rows, id, named, other } = scene
  const breaches: string[] = []
  const row = await rows.db.selectFrom('invitation').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  if (row.ended_at === null) breaches.push(`it is ${row.state} for ever`)
  if (row.code.length > 0) breaches.push('its code is kept')
  breaches.push(...(await ofHistory(scene, row.state)))

  const succeeded = (name: DoingName) => done.filter((one) => one.name === name && one.came === 'done')
  const claims: readonly (readonly [DoingName, boolean])[] = [
    ['accept', row.accepted_by === named.accountId],
    ['acceptOther', row.accepted_by === other.accountId],
    ['revoke', row.state === 'revoked'],
    ['decline', row.state === 'declined'],
  ]
  for (const [name, holds] of claims)
    if (succeeded(name).length > 0 && !holds) breaches.push(`${name} succeeded, and it is ${row.state}`)
  const accepts = [...succeeded('accept'), ...succeeded('acceptOther')].toSorted((a, b) => a.ended - b.ended)
  const [first] = accepts
  for (const end of done.filter(({ name, came }) => endings.includes(name) && came === 'done'))
    if (first !== undefined && end.ended < Math.min(...accepts.map(({ began }) => began)))
      breaches.push(`${first.name} succeeded after ${end.name}`)

  for (const guest of [named, other]) {
    const inside = await isInside(scene, guest)
    if (inside !== (row.accepted_by === guest.accountId))
      breaches.push(`${guest === named ? 'the named' : 'the other'} is ${inside ? 'in' : 'out'}: it is ${row.state}`)
  }
  return breaches
}

/** From state to state as it may, to one end. */
async function ofHistory({ rows: { db }, id }: Scene, state: InvitationState): Promise<string[]> {
  const events = await db
    .selectFrom('invitation_event')
    .select(['type', 'data'])
    .where('invitation_id', '=', id)
    .orderBy('seq')
    .execute()
  // What is written there under this type has a state.
  const states = events
    .filter(({ type }) => type === 'invitation.state')
    .map(({ data }) => data['state'] as InvitationState)
  const illegal = states.flatMap((next, n) => {
    const before = states[n - 1]
    return before === undefined || mayBecome(before, next) ? [] : [`${before} became ${next}`]
  })
  return states.at(-1) === state ? illegal : [...illegal, `its history ends ${states.at(-1)}, and it is ${state}`]
}

async function isInside({ rows: { db }, projectId, sessionId }: Scene, { accountId }: Guest): Promise<boolean> {
  const member = db
    .selectFrom('project_member')
    .select('account_id')
    .where('project_id', '=', projectId)
    .where('account_id', '=', accountId)
  const collaborator = db.selectFrom('collaborator').select('account_id').where('account_id', '=', accountId)
  const rows = await (sessionId === null ? member : collaborator.where('session_id', '=', sessionId)).execute()
  return rows.length > 0
}
