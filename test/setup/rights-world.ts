import { startApi } from './api.ts'
import type { TestApi } from './api.ts'
import { rightsRequests } from './rights-requests.ts'
import type { World } from './rights-requests.ts'
import { plainSignIn } from './sign-in-requests.ts'
import { plainUserOffice } from './user-office-requests.ts'

/**
 * Who asks. `owner` owns the session; it and `editor` are editors of the session's project, `lead` owns the project.
 * `reader` is the owner with a token that only reads; `portal` acts for the owner with everything a token can have;
 * `posing` acts for an admin. `watcher` and `helper` are no members; the owner let them into the session, to view and to control.
 */
export const personas = [
  'nobody',
  'stranger',
  'viewer',
  'editor',
  'owner',
  'reader',
  'portal',
  'lead',
  'operator',
  'posing',
  'admin',
  'watcher',
  'helper',
] as const
export type Persona = (typeof personas)[number]

/** Those who are to a session what its owner let them be, and nothing else to anything. */
export const isGuest = (persona: Persona): boolean => persona === 'watcher' || persona === 'helper'

export interface RightsWorld {
  readonly api: TestApi
  readonly world: World
  readonly people: Readonly<
    Record<Persona, { readonly token: string | null; readonly headers: Record<string, string> }>
  >
  readonly requests: ReturnType<typeof rightsRequests>
  /** Lets the guests into every session of the owner's that there is by now, and takes stops back that were asked. */
  letGuestsIn(): Promise<void>
}

/** An api, everybody who asks, and what they ask for. */
export async function startRightsWorld(): Promise<RightsWorld> {
  const api = await startApi(
    { catalogues: [{ id: 'office', extent: 'person' }] },
    { signIn: plainSignIn, userOffice: plainUserOffice },
  )
  const [stranger, viewer, editor, owner, lead] = [
    await api.person(),
    await api.person(),
    await api.person(),
    await api.person(),
    await api.person(),
  ]
  const operator = await api.person({ roles: ['operator'] })
  const admin = await api.person({ roles: ['admin'] })
  const portal = await api.person()
  const project = await api.call('POST', '/v1/projects', { token: lead.token, body: { name: 'Matrix' } })
  for (const [person, role] of [
    [viewer, 'viewer'],
    [editor, 'editor'],
    [owner, 'editor'],
  ] as const)
    await api.db
      .insertInto('project_member')
      .values({ project_id: project.body.id, account_id: person.id, role })
      .execute()
  await api.db.updateTable('project').set({ sharing: 'invited' }).where('id', '=', project.body.id).execute()
  const templateId = await api.template({ sharing: 'invited' })
  const session = await api.call('POST', '/v1/sessions', {
    token: owner.token,
    body: { templateId, projectId: project.body.id },
    headers: { prefer: 'respond-async' },
  })
  const world = { owner, lead, projectId: project.body.id, templateId, sessionId: session.body.id }
  const watcher = await api.person()
  const helper = await api.person()
  const plain = (token: string | null) => ({ token, headers: {} })
  const actingFor = (id: string) => ({ token: portal.token, headers: { 'carrel-on-behalf-of': id } })
  const people: RightsWorld['people'] = {
    nobody: plain(null),
    stranger: plain(stranger.token),
    viewer: plain(viewer.token),
    editor: plain(editor.token),
    owner: plain(owner.token),
    reader: plain(await api.token(owner.id, ['read'])),
    portal: actingFor(owner.id),
    lead: plain(lead.token),
    operator: plain(operator.token),
    posing: actingFor(admin.id),
    admin: plain(admin.token),
    watcher: plain(watcher.token),
    helper: plain(helper.token),
  }
  const letGuestsIn = async () => {
    const { db } = api
    const theirs = db.selectFrom('session').select('id').where('owner_id', '=', owner.id)
    const fresh = theirs.where(
      'id',
      'not in',
      db.selectFrom('collaborator').select('session_id').where('account_id', '=', helper.id),
    )
    const rows = (await fresh.execute()).flatMap(({ id }) => [
      { session_id: id, account_id: watcher.id, mode: 'view' as const },
      { session_id: id, account_id: helper.id, mode: 'control' as const },
    ])
    if (rows.length > 0)
      await db
        .insertInto('collaborator')
        .values(rows)
        .onConflict((on) => on.doNothing())
        .execute()
    const goesOn = { stop_requested_at: null, stop_reason: null }
    await db
      .updateTable('session')
      .set(goesOn)
      .where('id', '=', world.sessionId as never)
      .execute()
  }
  return { api, world, people, requests: rightsRequests(api, world), letGuestsIn }
}
