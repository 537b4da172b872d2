import { mayBecome } from '../../../domain/invitation.ts'
import type { InvitationState } from '../../../domain/invitation.ts'
import { pick, seeded } from '../../setup/seeded.ts'
import type { DoorScene } from '../../setup/doors.ts'
import { closings, doingNames, doThis, endings, work } from './doings.ts'
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

/** What came of a schedule. */
export interface Raced {
  readonly breaches: readonly string[]
  /** Doors that somebody came in by: without any nothing is shown of them. */
  readonly opened: number
}

/** Lets everything race everything, as the seed has it; then all is put right and carried out. */
export async function runSchedule(doors: DoorScene, seed: number): Promise<Raced> {
  const random = seeded(seed)
  const scene = await openScene(doors, pick(random, ['project', 'session', 'session'] as const), random() < 0.4)
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
  const many = 6 + Math.floor(random() * 9)
  const joins = async () => {
    await act('accept')
    await act('enter')
  }
  for (let n = 0; n < many; n++) {
    const next = random() < (n === 0 ? 0.5 : 0.1) ? joins() : act(pick(random, [...doingNames, 'work'] as const))
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
  breaches.push(...(await ofMails(scene, done, open)), ...(await ofDoors(doors, scene, done)))
  await act('expire')
  await work(scene)
  breaches.push(...(await ofEnd(scene, done)))
  return { breaches, opened: scene.opened.length }
}

const stateOf = async ({ rows: { db }, id }: Scene): Promise<InvitationState> =>
  (await db.selectFrom('invitation').select('state').where('id', '=', id).executeTakeFirstOrThrow()).state

/** Each mail that was meant went out once as far as its server said; again only where nobody knew; always with the same link. */
async function ofMails(
  { rows: { db }, id, mailer, answers }: Scene,
  done: readonly Done[],
  state: InvitationState,
): Promise<string[]> {
  const breaches: string[] = []
  const mails = await db.selectFrom('invitation_mail').selectAll().where('invitation_id', '=', id).execute()
  const meant = 1 + done.filter(({ name, came }) => name === 'resend' && came === 'done').length
  const [reminders, others] = [true, false].map((is) => mails.filter(({ kind }) => (kind === 'reminder') === is).length)
  if (others !== meant) breaches.push(`${others} mails were meant, not ${meant}`)
  const due = done.some(({ name }) => name === 'remind') ? 1 : 0
  // Of one that ended before it was looked at nobody is reminded.
  if (reminders !== due && (state === 'sent' || reminders !== 0))
    breaches.push(`${reminders} reminders were meant, not ${due}`)
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

/** Whoever is in, and was not put out, has the door that they opened; nobody else has one, opens one, or is left with a tunnel. */
async function ofDoors({ gateway }: DoorScene, scene: Scene, done: readonly Done[]): Promise<string[]> {
  const breaches: string[] = []
  const isClosed = done.some(({ name, came }) => closings.includes(name) && came === 'done')
  const verdicts = await gateway.recheck(scene.opened.map(({ passId }) => passId))
  for (const [n, guest] of [scene.named, scene.other].entries()) {
    const isIn = scene.kind === 'session' && !isClosed && (await isInside(scene, guest))
    const passes = scene.opened.filter((opened) => opened.guest === guest).map(({ passId }) => passId)
    for (const passId of passes)
      if ((verdicts.get(passId) === 'open') !== isIn)
        breaches.push(`a pass of guest ${n} is ${verdicts.get(passId)}: ${isIn ? 'they are in' : 'they are out'}`)
    const came = await doThis(scene, guest === scene.named ? 'enter' : 'enterOther')
    if ((came === 'done') !== isIn) breaches.push(`guest ${n} comes in late: ${came}`)
    const did = (name: DoingName) => done.filter((one) => one.name === name && one.came === 'done')
    const [removal] = did(n === 0 ? 'remove' : 'removeOther')
    // What is opened while they are being removed is cut at the gateway's next look, which the verdicts are.
    const stood = did(n === 0 ? 'enter' : 'enterOther').every(
      ({ ended }) => removal !== undefined && ended < removal.began,
    )
    if (removal !== undefined && stood && (await tunnelsOf(scene, passes)) > 0)
      breaches.push(`guest ${n} was removed, and left with a tunnel`)
  }
  return breaches
}

async function tunnelsOf({ rows: { db } }: Scene, passes: readonly string[]): Promise<number> {
  if (passes.length === 0) return 0
  const open = db.selectFrom('tunnel').select('id').where('pass_id', 'in', passes).where('closed_at', 'is', null)
  return (await open.execute()).length
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
    const removed = succeeded(guest === named ? 'remove' : 'removeOther').length > 0
    if (inside !== (row.accepted_by === guest.accountId && !removed))
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

async function isInside({ rows: { db }, kind, projectId, session }: Scene, { accountId }: Guest): Promise<boolean> {
  const member = db
    .selectFrom('project_member')
    .select('account_id')
    .where('project_id', '=', projectId)
    .where('account_id', '=', accountId)
  const collaborator = db.selectFrom('collaborator').select('account_id').where('account_id', '=', accountId)
  const rows = await (kind === 'project' ? member : collaborator.where('session_id', '=', session.sessionId)).execute()
  return rows.length > 0
}
