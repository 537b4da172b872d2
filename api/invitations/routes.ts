import { z } from '@hono/zod-openapi'
import { readInvitationEvents } from '../../db/invitation-events.ts'
import { listInvitations } from '../../db/invitations.ts'
import { verifiedEmailsOf } from '../../db/verified-emails.ts'
import { body, json, streamOr } from '../answers.ts'
import { deedOf } from '../env.ts'
import { answerStream, wantsStream } from '../events/answer-stream.ts'
import { idOf, iso } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'
import { accept, decline, view } from './answering.ts'
import { followInvitations } from './following.ts'
import { readInvitation, resend, revoke } from './inviting.ts'
import {
  InvitationAnswer,
  InvitationDocument,
  InvitationView,
  InvitationViewAsk,
  InvitationWithHistory,
  maskedEmail,
  presentEvent,
  presentInvitation,
  presentPlace,
} from './schemas.ts'
import { invitationOfPath } from './subject.ts'
import { inTurn } from './turn.ts'

const params = z.object({ invitationId: idOf('invitation') })

const listOwn = route(
  {
    operationId: 'listInvitations',
    summary: 'List the invitations that are for you, or that you wrote',
    description:
      '`received`: those for an address that is proven to be yours, open ones and others. With `Accept: text/event-stream` a ' +
      'stream: the newest 200 as they are, the oldest of them first, then each that has changed, as `event: invitation` with ' +
      'the invitation as data. Every stream begins so: there is nothing to resume.',
    tags: ['invitations'],
    method: 'get',
    path: '/v1/invitations',
    right: 'invitation:list',
    request: {
      query: z.strictObject({ ...pageQuery, direction: z.enum(['received', 'sent']).default('received') }),
    },
    responses: { 200: streamOr(pageOfItems(InvitationDocument), 'A page of invitations, the newest first') },
  },
  async (c) => {
    const { db } = c.var.services
    const { accountId } = c.var.principal
    const { direction, ...query } = c.req.valid('query')
    const of = async () =>
      direction === 'sent' ? { inviterId: accountId } : { emails: await verifiedEmailsOf(db, accountId) }
    if (wantsStream(c)) return answerStream(c, followInvitations(c, of))
    const page = await listInvitations(db, await of(), pageAsk(`${direction}-invitations`, query))
    return c.json(answerPage(`${direction}-invitations`, page, presentInvitation), 200)
  },
)

const getOne = route(
  {
    operationId: 'getInvitation',
    summary: 'Read an invitation, with what became of it',
    tags: ['invitations'],
    method: 'get',
    path: '/v1/invitations/{invitationId}',
    right: 'invitation:read',
    subject: invitationOfPath,
    request: { params },
    responses: { 200: json(InvitationWithHistory, 'The invitation') },
  },
  async (c) => {
    const { services } = c.var
    const id = c.req.valid('param').invitationId
    const invitation = await readInvitation(services, id)
    const history = (await readInvitationEvents(services.db, id)).map(presentEvent)
    return c.json({ ...presentInvitation(invitation), history }, 200)
  },
)

const resendOne = route(
  {
    operationId: 'resendInvitation',
    summary: 'Have the mail of an invitation sent once more, with the same link',
    description: 'At most three times, and not within ten minutes of the mail before.',
    tags: ['invitations'],
    method: 'post',
    path: '/v1/invitations/{invitationId}/resend',
    right: 'invitation:manage',
    subject: invitationOfPath,
    refusals: [409],
    request: { params },
    responses: { 200: json(InvitationDocument, 'The invitation') },
  },
  async (c) => {
    const { invitationId } = c.req.valid('param')
    const invitation = await inTurn(c, async () => await resend(c.var.services, deedOf(c), invitationId))
    return c.json(presentInvitation(invitation), 200)
  },
)

const revokeOne = route(
  {
    operationId: 'revokeInvitation',
    summary: 'Take an invitation back, at once',
    description: 'What was accepted stays: end the membership, or remove the collaborator. Repeats change nothing.',
    tags: ['invitations'],
    method: 'post',
    path: '/v1/invitations/{invitationId}/revoke',
    right: 'invitation:manage',
    subject: invitationOfPath,
    refusals: [409],
    request: { params },
    responses: { 200: json(InvitationDocument, 'The invitation, revoked') },
  },
  async (c) => {
    const invitation = await revoke(c.var.services, deedOf(c), c.req.valid('param').invitationId)
    return c.json(presentInvitation(invitation), 200)
  },
)

const about = () => ({ kind: 'invitation', id: null })

const acceptOne = route(
  {
    operationId: 'acceptInvitation',
    summary: 'Accept an invitation',
    description:
      'By the code of its link, or by its id where it is for an address that is proven to be yours. You become a member of the ' +
      'project, or a collaborator of the session. Of two who accept at once one does; repeats by that one answer the same.',
    tags: ['invitations'],
    method: 'post',
    path: '/v1/invitation-acceptances',
    right: 'invitation:answer',
    about,
    refusals: [404, 409],
    request: { body: body(InvitationAnswer) },
    responses: { 200: json(InvitationDocument, 'The invitation, accepted') },
  },
  async (c) => {
    const { services, principal } = c.var
    const invitation = await accept(services, deedOf(c), principal.accountId, c.req.valid('json'))
    return c.json(presentInvitation(invitation), 200)
  },
)

const declineOne = route(
  {
    operationId: 'declineInvitation',
    summary: 'Decline an invitation',
    tags: ['invitations'],
    method: 'post',
    path: '/v1/invitation-refusals',
    right: 'invitation:answer',
    about,
    refusals: [404, 409],
    request: { body: body(InvitationAnswer) },
    responses: { 200: json(InvitationDocument, 'The invitation, declined') },
  },
  async (c) => {
    const { services, principal } = c.var
    const invitation = await decline(services, deedOf(c), principal.accountId, c.req.valid('json'))
    return c.json(presentInvitation(invitation), 200)
  },
)

const viewOne = route(
  {
    operationId: 'viewInvitation',
    summary: 'See where a link leads, before deciding',
    description: 'Changes nothing. It is a POST so that the code stands in no address and in no log.',
    tags: ['invitations'],
    method: 'post',
    path: '/v1/invitation-views',
    right: 'invitation:view',
    about,
    refusals: [404],
    request: { body: body(InvitationViewAsk) },
    responses: { 200: json(InvitationView, 'Who invites, and where to') },
  },
  async (c) => {
    const { services, principal } = c.var
    const { invitation, why } = await view(services, principal.accountId, c.req.valid('json').code)
    const { place, email, state, expiresAt } = invitation
    return c.json(
      {
        ...presentPlace(invitation),
        role: place.kind === 'project' ? place.role : null,
        mode: place.kind === 'session' ? place.mode : null,
        email: maskedEmail(email),
        state,
        expiresAt: iso(expiresAt),
        mayAccept: why === null,
        why,
      },
      200,
    )
  },
)

export const invitationRoutes = [listOwn, getOne, resendOne, revokeOne, acceptOne, declineOne, viewOne]
