import { z } from '@hono/zod-openapi'
import { getHandover, listHandovers } from '../../db/handover.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import type { AppContext } from '../env.ts'
import { idOf } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems } from '../paging.ts'
import { notFound } from '../problem.ts'
import { route } from '../route.ts'
import { etag } from '../versions.ts'
import { end, fail, report, sayGone, take } from './commands.ts'
import type { Speaker } from './commands.ts'
import {
  End,
  Failure,
  HandoverDocument,
  HandoversQuery,
  presentHandover,
  Report,
  Take,
  TakenDocument,
} from './schemas.ts'
import { handoverOfPath } from './subject.ts'

const params = z.object({ handoverId: idOf('handover') })
const list = 'handovers'

const listAll = route(
  {
    operationId: 'listHandovers',
    summary: 'List what is handed over to you, the newest first',
    description:
      'For provisioners: instances of the providers that name your account, which may be taken, or were and are not gone yet. Ask every few seconds; who does not ask for minutes counts as away.',
    tags: ['provisioner'],
    method: 'get',
    path: '/v1/provisioner/instances',
    right: 'provisioner:list',
    request: { query: HandoversQuery },
    responses: { 200: json(pageOfItems(HandoverDocument), 'A page of instances') },
  },
  async (c) => {
    const { services, principal } = c.var
    const { status = null, unwanted, ...page } = c.req.valid('query')
    const ask = { ...pageAsk(list, page), provisioner: principal.accountId, status, unwanted }
    return c.json(answerPage(list, await listHandovers(services.db, ask), presentHandover), 200)
  },
)

const getOne = route(
  {
    operationId: 'getHandover',
    summary: 'Read an instance that is handed over to you',
    tags: ['provisioner'],
    method: 'get',
    path: '/v1/provisioner/instances/{handoverId}',
    right: 'provisioner:act',
    subject: handoverOfPath,
    request: { params },
    responses: { 200: json(HandoverDocument, 'The instance') },
  },
  async (c) => {
    const { services, principal } = c.var
    const found = await getHandover(services.db, principal.accountId, c.req.valid('param').handoverId)
    if (found === null) throw notFound('instance')
    return c.json(presentHandover(found), 200, { etag: etag(found.version) })
  },
)

const takeOne = route(
  {
    operationId: 'takeHandover',
    summary: 'Take an instance, and be given its secrets',
    description:
      'Of many that ask one gets it. Its answer may be lost: with the same claim it is given again, until something was said of the instance; from then on the secrets are kept nowhere.',
    tags: ['provisioner'],
    method: 'post',
    path: '/v1/provisioner/instances/{handoverId}/take',
    right: 'provisioner:act',
    subject: handoverOfPath,
    request: { params, body: body(Take) },
    responses: { 200: json(TakenDocument, 'It is yours to make') },
    refusals: [409, 410],
  },
  async (c) => {
    const { handover, sealed } = await take(speakerOf(c, c.req.valid('param')), c.req.valid('json').claim)
    const secrets = sealed === null ? null : c.var.services.openHandover(handover.id, sealed)
    c.header('cache-control', 'no-store')
    return c.json({ ...presentHandover(handover), secrets }, 200)
  },
)

const done = { 204: { description: 'It is written down' } }

const reportOne = route(
  {
    operationId: 'reportHandover',
    summary: 'Say how far an instance is, or where it answers',
    description:
      '`preparing` may be said again and again. Where it answers is said once: in the networks of its provider, at the ports of its template, and where no other session is.',
    tags: ['provisioner'],
    method: 'post',
    path: '/v1/provisioner/instances/{handoverId}/report',
    right: 'provisioner:act',
    subject: handoverOfPath,
    request: { params, body: body(Report) },
    responses: done,
    refusals: [409, 410],
  },
  async (c) => {
    await report(speakerOf(c, c.req.valid('param')), c.req.valid('json'))
    return c.body(null, 204)
  },
)

const failOne = route(
  {
    operationId: 'failHandover',
    summary: 'Say that an instance cannot be made, or broke down',
    tags: ['provisioner'],
    method: 'post',
    path: '/v1/provisioner/instances/{handoverId}/fail',
    right: 'provisioner:act',
    subject: handoverOfPath,
    request: { params, body: body(Failure) },
    responses: done,
    refusals: [409, 410],
  },
  async (c) => {
    await fail(speakerOf(c, c.req.valid('param')), c.req.valid('json'))
    return c.body(null, 204)
  },
)

const endOne = route(
  {
    operationId: 'endHandover',
    summary: 'Say that an instance ended by itself',
    tags: ['provisioner'],
    method: 'post',
    path: '/v1/provisioner/instances/{handoverId}/end',
    right: 'provisioner:act',
    subject: handoverOfPath,
    request: { params, body: body(End) },
    responses: done,
    refusals: [409, 410],
  },
  async (c) => {
    await end(speakerOf(c, c.req.valid('param')), c.req.valid('json'))
    return c.body(null, 204)
  },
)

const goneOne = route(
  {
    operationId: 'releaseHandover',
    summary: 'Say that nothing is left of an instance',
    description:
      'Its session ends only then. Afterwards it is forgotten: whoever repeats this may be answered 404, which says the same.',
    tags: ['provisioner'],
    method: 'post',
    path: '/v1/provisioner/instances/{handoverId}/gone',
    right: 'provisioner:act',
    subject: handoverOfPath,
    request: { params },
    responses: done,
    refusals: [409],
  },
  async (c) => {
    await sayGone(speakerOf(c, c.req.valid('param')))
    return c.body(null, 204)
  },
)

const speakerOf = (c: AppContext, { handoverId }: z.output<typeof params>): Speaker => ({
  db: c.var.services.db,
  deed: deedOf(c),
  provisioner: c.var.principal.accountId,
  id: handoverId,
})

export const provisionerRoutes = [listAll, getOne, takeOne, reportOne, failOne, endOne, goneOne]
