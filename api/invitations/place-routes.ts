import { z } from '@hono/zod-openapi'
import { listInvitations } from '../../db/invitations.ts'
import { isAdmin } from '../../domain/authorization.ts'
import { body, json } from '../answers.ts'
import type { AppContext } from '../env.ts'
import { deedOf } from '../env.ts'
import { idOf } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { projectOfPath } from '../projects/subject.ts'
import { route } from '../route.ts'
import { sessionOfPath } from '../sessions/subject.ts'
import { invite } from './inviting.ts'
import type { Invited, Inviting } from './inviting.ts'
import {
  InvitationCreated,
  InvitationDocument,
  InvitationShown,
  presentInvitation,
  ProjectInvitationCreate,
  SessionInvitationCreate,
} from './schemas.ts'
import { inTurn } from './turn.ts'

const projectId = idOf('project')
const sessionId = idOf('session')
const made = {
  201: json(InvitationCreated, 'The invitation; with its link where nobody mails it'),
  200: json(InvitationShown, 'The invitation that this key made before, without its link'),
}

/** By whom the request is, with the rights that count. */
const inviter = ({ var: { principal } }: AppContext) => ({
  inviterId: principal.accountId,
  asAdmin: isAdmin(principal.actor),
})

const inviteTo = async (c: AppContext, asked: Inviting): Promise<Invited> =>
  await inTurn(c, async () => await invite(c.var.services, deedOf(c), c.var.intent, asked))

const toProject = route(
  {
    operationId: 'createProjectInvitation',
    summary: 'Invite somebody into a project, in a role',
    description:
      'By e-mail to that address, with a link that works once; or, where the site sends no mail, with a link that you bring. ' +
      'An owner offers every role, an editor `editor` and `viewer`. What you lose before it is accepted, it loses, too.',
    tags: ['invitations'],
    method: 'post',
    path: '/v1/projects/{projectId}/invitations',
    right: 'project:invite',
    subject: projectOfPath,
    creates: true,
    refusals: [409],
    request: { params: z.object({ projectId }), body: body(ProjectInvitationCreate) },
    responses: made,
  },
  async (c) => {
    const { role, ...invitee } = c.req.valid('json')
    const place = { kind: 'project', role } as const
    const asked = { ...invitee, projectId: c.req.valid('param').projectId, place }
    const invited = await inviteTo(c, { ...asked, ...inviter(c) })
    const invitation = presentInvitation(invited.invitation)
    if (invited.kind === 'shown') return c.json({ ...invitation, ...shownOf(invited) }, 200)
    return c.json({ ...invitation, link: invited.link }, 201, { location: `/v1/invitations/${invitation.id}` })
  },
)

const ofProject = route(
  {
    operationId: 'listProjectInvitations',
    summary: 'List the invitations into a project, the newest first',
    tags: ['invitations'],
    method: 'get',
    path: '/v1/projects/{projectId}/invitations',
    right: 'project:invitations',
    subject: projectOfPath,
    request: { params: z.object({ projectId }), query: z.strictObject(pageQuery) },
    responses: { 200: json(pageOfItems(InvitationDocument), 'A page of invitations') },
  },
  async (c) => {
    const of = { projectId: c.req.valid('param').projectId }
    const ask = pageAsk('project-invitations', c.req.valid('query'))
    const page = await listInvitations(c.var.services.db, of, ask)
    return c.json(answerPage('project-invitations', page, presentInvitation), 200)
  },
)

const toSession = route(
  {
    operationId: 'createSessionInvitation',
    summary: 'Invite somebody into your session, to look or to work in it',
    description:
      'As letting in a collaborator, for somebody of whom you know the address alone. Whoever accepts comes by an account of ' +
      'their own, as far as the template and the project allow. It ends with the session.',
    tags: ['invitations'],
    method: 'post',
    path: '/v1/sessions/{sessionId}/invitations',
    right: 'session:share',
    subject: sessionOfPath,
    creates: true,
    refusals: [409],
    request: { params: z.object({ sessionId }), body: body(SessionInvitationCreate) },
    responses: made,
  },
  async (c) => {
    const { mode, ...invitee } = c.req.valid('json')
    const place = { kind: 'session', mode } as const
    const asked = { ...invitee, sessionId: c.req.valid('param').sessionId, place }
    const invited = await inviteTo(c, { ...asked, ...inviter(c) })
    const invitation = presentInvitation(invited.invitation)
    if (invited.kind === 'shown') return c.json({ ...invitation, ...shownOf(invited) }, 200)
    return c.json({ ...invitation, link: invited.link }, 201, { location: `/v1/invitations/${invitation.id}` })
  },
)

const ofSession = route(
  {
    operationId: 'listSessionInvitations',
    summary: 'List the invitations into your session, the newest first',
    tags: ['invitations'],
    method: 'get',
    path: '/v1/sessions/{sessionId}/invitations',
    right: 'session:guests',
    subject: sessionOfPath,
    request: { params: z.object({ sessionId }), query: z.strictObject(pageQuery) },
    responses: { 200: json(pageOfItems(InvitationDocument), 'A page of invitations') },
  },
  async (c) => {
    const of = { sessionId: c.req.valid('param').sessionId }
    const ask = pageAsk('session-invitations', c.req.valid('query'))
    const page = await listInvitations(c.var.services.db, of, ask)
    return c.json(answerPage('session-invitations', page, presentInvitation), 200)
  },
)

const shownOf = ({ invitation }: Invited) => (invitation.delivery === 'link' ? { secretShown: true as const } : {})

export const placeInvitationRoutes = [toProject, ofProject, toSession, ofSession]
